/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hv/lib/string.c and printf.c on the host: the names that the C library has too get a prefix. */
#ifndef RENAME_LIBC_H
#define RENAME_LIBC_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "hv_libc.h"

#define memcpy    hv_memcpy
#define memmove   hv_memmove
#define memset    hv_memset
#define memcmp    hv_memcmp
#define memchr    hv_memchr
#define strlen    hv_strlen
#define strnlen   hv_strnlen
#define strcmp    hv_strcmp
#define strncmp   hv_strncmp
#define strchr    hv_strchr
#define strstr    hv_strstr
#define vsnprintf hv_vsnprintf
#define snprintf  hv_snprintf

#endif
