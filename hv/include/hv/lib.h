/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Freestanding C library subset (hv/lib). Stateless; host tests use the host's. */
#ifndef HV_LIB_H
#define HV_LIB_H

#include <hv/compiler.h>
#include <stdarg.h>

#ifdef HV_HOST_TEST
#include <stdio.h>
#include <string.h>
#else
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *s, const char *needle);
/*
 * Format directives: %d %i %u %x %X %o %c %s %p %% with width, precision,
 * flags "-0+ #", lengths hh h l ll z. %p is 16 hexadecimal digits. Returns the length that the whole text
 * would have; never writes more than size bytes and always terminates.
 */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) printf_like(3, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) printf_like(3, 4);

/* A freestanding compiler takes these for ordinary functions; so it expands small ones in place. */
#define memcpy(...) __builtin_memcpy(__VA_ARGS__)
#define memmove(...) __builtin_memmove(__VA_ARGS__)
#define memset(...) __builtin_memset(__VA_ARGS__)
#define memcmp(...) __builtin_memcmp(__VA_ARGS__)
#endif

/* Copies at most size-1 bytes and always terminates; returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);
/* base 0 detects 0x and 0 prefixes; *end (if not NULL) is the first unparsed character. */
uint64_t parse_u64(const char *s, const char **end, unsigned int base);

#endif
