/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * platform_op's XENPF_efi_runtime_call: dom0 asks for UEFI's run-time services (UEFI 2.9 8.2 to 8.5). Arguments
 * are copied into hypervisor memory, which the firmware sees, and the answers copied back.
 * Trust: the control domain names sizes; they are bounded, and buffers live for one call.
 */
#include "../platform/efi.h"
#include <arch/platform.h>
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/mm.h>

#define MAX_NAME_CHARS 4096u
#define MAX_DATA_BYTES (1u << 20)

typedef struct xenpf_efi_runtime_call call_t;

/* 8.3 EFI_TIME */
struct efi_time {
    uint16_t year;
    uint8_t month, day, hour, minute, second, pad1;
    uint32_t ns;
    int16_t zone;
    uint8_t daylight, pad2;
};
struct efi_time_capabilities { uint32_t resolution, accuracy; uint8_t sets_to_zero; };

#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

static bool failed(const call_t *c)
{
    return (c->status & EFI_ERROR_BIT) != 0;
}

/* ---- time ---- */

static struct efi_time to_firmware(const struct xenpf_efi_time *t)
{
    return (struct efi_time){
        .year = t->year, .month = t->month, .day = t->day, .hour = t->hour, .minute = t->min, .second = t->sec,
        .ns = t->ns, .zone = t->tz, .daylight = t->daylight,
    };
}

static struct xenpf_efi_time from_firmware(const struct efi_time *t)
{
    return (struct xenpf_efi_time){
        .year = t->year, .month = t->month, .day = t->day, .hour = t->hour, .min = t->minute, .sec = t->second,
        .ns = t->ns, .tz = t->zone, .daylight = t->daylight,
    };
}

static int get_time(const struct efi_runtime_table *t, call_t *c)
{
    struct efi_time time = { 0 };
    struct efi_time_capabilities can = { 0 };

    if (c->misc != 0)
        return ERR(EINVAL);
    c->status = efi_call(t->get_time, ADDRESS(&time), ADDRESS(&can), 0, 0, 0);
    if (failed(c))
        return 0;
    c->u.get_time.time = from_firmware(&time);
    c->u.get_time.resolution = can.resolution;
    c->u.get_time.accuracy = can.accuracy;
    if (can.sets_to_zero)
        c->misc |= XEN_EFI_GET_TIME_SET_CLEARS_NS;
    return 0;
}

static int set_time(const struct efi_runtime_table *t, call_t *c)
{
    const struct efi_time time = to_firmware(&c->u.set_time);

    if (c->misc != 0)
        return ERR(EINVAL);
    c->status = efi_call(t->set_time, ADDRESS(&time), 0, 0, 0, 0);
    return 0;
}

static int get_wakeup_time(const struct efi_runtime_table *t, call_t *c)
{
    struct efi_time time = { 0 };
    uint8_t enabled = 0, pending = 0;

    if (c->misc != 0)
        return ERR(EINVAL);
    c->status = efi_call(t->get_wakeup_time, ADDRESS(&enabled), ADDRESS(&pending), ADDRESS(&time), 0, 0);
    if (failed(c))
        return 0;
    c->u.get_wakeup_time = from_firmware(&time);
    if (enabled)
        c->misc |= XEN_EFI_GET_WAKEUP_TIME_ENABLED;
    if (pending)
        c->misc |= XEN_EFI_GET_WAKEUP_TIME_PENDING;
    return 0;
}

static int set_wakeup_time(const struct efi_runtime_table *t, call_t *c)
{
    const struct efi_time time = to_firmware(&c->u.set_wakeup_time);
    const uint32_t known = XEN_EFI_SET_WAKEUP_TIME_ENABLE | XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY;

    if (c->misc & ~known)
        return ERR(EINVAL);
    c->status = efi_call(t->set_wakeup_time, c->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE,
                         c->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY ? 0 : ADDRESS(&time), 0, 0, 0);
    return 0;
}

static int get_count(const struct efi_runtime_table *t, call_t *c)
{
    if (c->misc != 0)
        return ERR(EINVAL);
    c->status = efi_call(t->get_next_high_monotonic_count, ADDRESS(&c->misc), 0, 0, 0, 0);
    return 0;
}

/* ---- variables ---- */

/* A string of 16-bit characters with its NUL, for heap_free. */
static int read_name(uint64_t at, uint16_t **name)
{
    unsigned int n = 0;
    uint16_t ch;

    do {
        if (n == MAX_NAME_CHARS)
            return ERR(ENOMEM);
        if (guest_read(&ch, at + n * sizeof(ch), sizeof(ch)) != 0)
            return ERR(EFAULT);
        n++;
    } while (ch != 0);
    *name = heap_new_array(uint16_t, n);
    if (*name == NULL)
        return ERR(ENOMEM);
    if (guest_read(*name, at, n * sizeof(ch)) != 0) {
        heap_free(*name);
        return ERR(EFAULT);
    }
    (*name)[n - 1] = 0;
    return 0;
}

/* A buffer with a copy of the guest's bytes if `filled`; *p NULL for none. */
static int make_buffer(uint64_t at, uint64_t bytes, bool filled, uint8_t **p)
{
    *p = NULL;
    if (bytes == 0)
        return 0;
    if (bytes > MAX_DATA_BYTES)
        return ERR(ENOMEM);
    *p = pages_alloc_bytes(bytes, ALLOC_ZERO);
    if (*p == NULL)
        return ERR(ENOMEM);
    if (filled && guest_read(*p, at, bytes) != 0) {
        pages_free_bytes(*p, bytes);
        return ERR(EFAULT);
    }
    return 0;
}

static void free_buffer(uint8_t *p, uint64_t bytes)
{
    if (p != NULL)
        pages_free_bytes(p, bytes);
}

static int get_variable(const struct efi_runtime_table *t, call_t *c)
{
    const uint64_t room = c->u.get_variable.size;
    uint64_t bytes = room;
    uint16_t *name;
    uint8_t *data;
    int rc;

    if (c->misc != 0)
        return ERR(EINVAL);
    rc = read_name(handle_va(c->u.get_variable.name), &name);
    if (rc != 0)
        return rc;
    rc = make_buffer(0, room, false, &data);
    if (rc == 0) {
        c->status = efi_call(t->get_variable, ADDRESS(name), ADDRESS(&c->u.get_variable.vendor_guid), ADDRESS(&c->misc), ADDRESS(&bytes), ADDRESS(data));
        if (!failed(c) && guest_write(handle_va(c->u.get_variable.data), data, min(bytes, room)) != 0)
            rc = ERR(EFAULT);
        c->u.get_variable.size = bytes;
        free_buffer(data, room);
    }
    heap_free(name);
    return rc;
}

/* ABI: misc is the variable's attributes. */
static int set_variable(const struct efi_runtime_table *t, call_t *c)
{
    const uint64_t bytes = c->u.set_variable.size;
    uint16_t *name;
    uint8_t *data;
    int rc = read_name(handle_va(c->u.set_variable.name), &name);

    if (rc != 0)
        return rc;
    rc = make_buffer(handle_va(c->u.set_variable.data), bytes, true, &data);
    if (rc == 0) {
        c->status = efi_call(t->set_variable, ADDRESS(name), ADDRESS(&c->u.set_variable.vendor_guid), c->misc, bytes, ADDRESS(data));
        free_buffer(data, bytes);
    }
    heap_free(name);
    return rc;
}

static int get_next_name(const struct efi_runtime_table *t, call_t *c)
{
    const uint64_t at = handle_va(c->u.get_next_variable_name.name), room = c->u.get_next_variable_name.size;
    uint64_t bytes = room;
    uint8_t *name;
    int rc;

    if (c->misc != 0)
        return ERR(EINVAL);
    rc = make_buffer(at, room, true, &name);
    if (rc != 0)
        return rc;
    c->status = efi_call(t->get_next_variable_name, ADDRESS(&bytes), ADDRESS(name), ADDRESS(&c->u.get_next_variable_name.vendor_guid), 0, 0);
    if (!failed(c) && guest_write(at, name, min(bytes, room)) != 0)
        rc = ERR(EFAULT);
    c->u.get_next_variable_name.size = bytes;
    free_buffer(name, room);
    return rc;
}

/*
 * Boot services were gone when the hypervisor started, so the state at boot that dom0 may ask for
 * (XEN_EFI_VARINFO_BOOT_SNAPSHOT) is what the run-time service tells.
 */
static int query_variables(const struct efi_runtime_table *t, call_t *c)
{
    uint64_t answer[3] = { 0 };

    if (c->misc & ~(uint32_t)XEN_EFI_VARINFO_BOOT_SNAPSHOT)
        return ERR(EINVAL);
    c->status = EFI_UNSUPPORTED;
    if (t->header.revision < EFI_VERSION_2)
        return 0;
    c->status = efi_call(t->query_variable_info, c->u.query_variable_info.attr, ADDRESS(&answer[0]), ADDRESS(&answer[1]), ADDRESS(&answer[2]), 0);
    c->u.query_variable_info.max_store_size = answer[0];
    c->u.query_variable_info.remain_store_size = answer[1];
    c->u.query_variable_info.max_size = answer[2];
    return 0;
}

/* ABI: capsules are for firmware of version 2, and are not passed on to it. */
static int capsules(const struct efi_runtime_table *t, call_t *c)
{
    if (c->misc != 0)
        return ERR(EINVAL);
    if (t->header.revision >= EFI_VERSION_2)
        return ERR(ENOSYS);
    c->status = EFI_UNSUPPORTED;
    return 0;
}

long platform_efi_runtime_call(struct xen_platform_op *op)
{
    static int (*const row[])(const struct efi_runtime_table *t, call_t *c) = {
        [XEN_EFI_get_time] = get_time, [XEN_EFI_set_time] = set_time,
        [XEN_EFI_get_wakeup_time] = get_wakeup_time, [XEN_EFI_set_wakeup_time] = set_wakeup_time,
        [XEN_EFI_get_next_high_monotonic_count] = get_count,
        [XEN_EFI_get_variable] = get_variable, [XEN_EFI_set_variable] = set_variable,
        [XEN_EFI_get_next_variable_name] = get_next_name, [XEN_EFI_query_variable_info] = query_variables,
        [XEN_EFI_query_capsule_capabilities] = capsules, [XEN_EFI_update_capsule] = capsules,
    };
    call_t *c = &op->u.efi_runtime_call;

    if (!efi_is_there())
        return ERR(ENOSYS);
    if (efi_services() == NULL)
        return ERR(EOPNOTSUPP);
    if (c->function >= array_size(row) || row[c->function] == NULL)
        return ERR(ENOSYS);
    return row[c->function](efi_services(), c);
}
