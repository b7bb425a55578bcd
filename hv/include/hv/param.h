/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot options, with stock Xen's names. A module declares an option beside the
 * variable that it sets; the linker collects them. An unknown option, or a bad
 * value, is a warning that names it.
 *
 * Values: boolean "name", "no-name", "name=on|off|yes|no|true|false|1|0|enable|disable";
 * integers in any C base; sizes with suffix B K M G T (bytes; default KiB as in stock Xen).
 */
#ifndef HV_PARAM_H
#define HV_PARAM_H

#include <hv/compiler.h>

struct boot_param {
    const char *name;
    enum { PARAM_BOOL, PARAM_UINT, PARAM_SIZE, PARAM_STRING, PARAM_CUSTOM } kind;
    uint32_t size;               /* of a string's buffer */
    void *var;                   /* bool *, unsigned int *, uint64_t * (bytes), char[] */
    int (*parse)(const char *);  /* PARAM_CUSTOM: 0 or -EINVAL */
};

#ifdef HV_HOST_TEST
/* A section whose bounds the host's linker provides. */
#define BOOT_PARAM_SECTION "init_param"
#define init_param_start __start_init_param
#define init_param_end   __stop_init_param
#else
#define BOOT_PARAM_SECTION ".init.param"
#endif
extern const struct boot_param init_param_start[], init_param_end[]; /* linker script */

#define BOOT_PARAM_ENTRY(id, ...) \
    static const struct boot_param param_##id used section(BOOT_PARAM_SECTION) aligned(8) = { __VA_ARGS__ }
#define BOOT_PARAM_BOOL(id, nm, v)   BOOT_PARAM_ENTRY(id, .name = nm, .kind = PARAM_BOOL, .var = &(v))
#define BOOT_PARAM_UINT(id, nm, v)   BOOT_PARAM_ENTRY(id, .name = nm, .kind = PARAM_UINT, .var = &(v))
#define BOOT_PARAM_SIZE(id, nm, v)   BOOT_PARAM_ENTRY(id, .name = nm, .kind = PARAM_SIZE, .var = &(v))
#define BOOT_PARAM_STRING(id, nm, v) BOOT_PARAM_ENTRY(id, .name = nm, .kind = PARAM_STRING, .var = (v), .size = sizeof(v))
#define BOOT_PARAM_CUSTOM(id, nm, f) BOOT_PARAM_ENTRY(id, .name = nm, .kind = PARAM_CUSTOM, .parse = (f))

/* The command line as given, for sysctl/version queries; without what follows " -- ", which is for dom0's kernel. */
extern char boot_command_line[1024];
extern char boot_dom0_options[1024];
/* command_line without the hypervisor's file name. Names unknown options and bad values in warnings. Once. */
void param_parse(const char *command_line);
/* 1 true, 0 false, -EINVAL neither. */
int param_parse_bool(const char *s);
/* "512M" to bytes; default unit KiB; *end as in parse_u64. */
uint64_t param_parse_size(const char *s, const char **end);

#endif
