/* SPDX-License-Identifier: GPL-2.0-or-later */
/* __HYPERVISOR_xen_version (xen/version.h): what this hypervisor is. */
#include <hv/access.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <arch/percpu.h>
#include <xen/features.h>
#include <xen/version.h>

/* ABI: the toolstack and guests decide by these numbers what they may use: the ABI's, not ours. */
#define ABI_MAJOR     4
#define ABI_MINOR     17
#define CAPABILITIES  "xen-3.0-x86_64 "

static const xen_extraversion_t extra_version = ".7-zendo";

/* ELF note that the linker makes (--build-id). */
struct note { uint32_t name_bytes, desc_bytes, type; char name[4]; uint8_t desc[]; };
extern const struct note build_id_note[];

static long write_text(uint64_t to, const char *text, size_t size)
{
    char buf[1024];

    memset(buf, 0, size);
    strlcpy(buf, text, size);
    return guest_write(to, buf, size);
}

/* Details about the build are for the control domain: to others they only help an attack. */
static const char *if_control(const char *text)
{
    return access_allows(ACCESS_CONTROL, current->domain, NULL) ? text : "<denied>";
}

static long compile_info(uint64_t to)
{
    struct xen_compile_info info = { 0 };

    strlcpy(info.compiler, if_control("gcc " __VERSION__), sizeof(info.compiler));
    strlcpy(info.compile_by, if_control("zendo"), sizeof(info.compile_by));
    strlcpy(info.compile_domain, if_control(""), sizeof(info.compile_domain));
    strlcpy(info.compile_date, if_control(HV_VERSION), sizeof(info.compile_date));
    return guest_write(to, &info, sizeof(info));
}

static long platform_parameters(uint64_t to)
{
    const struct xen_platform_parameters parameters = { .virt_start = current->domain->is_control ? 0xffff800000000000UL : 0 };

    return guest_write(to, &parameters, sizeof(parameters));
}

/* What a 64-bit PV guest gets from stock Xen 4.17. */
static uint32_t features_of(const struct domain *d)
{
    return 1u << XENFEAT_pae_pgdir_above_4gb | 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
           1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_memory_op_vnode_supported | 1u << XENFEAT_direct_mapped |
           (d->is_hardware ? 1u << XENFEAT_dom0 : 0);
}

static long get_features(uint64_t at)
{
    struct xen_feature_info info;

    if (guest_read(&info, at, sizeof(info)) != 0)
        return ERR(EFAULT);
    if (info.submap_idx != 0)
        return ERR(EINVAL);
    info.submap = features_of(current->domain);
    return guest_write(at, &info, sizeof(info));
}

static long build_id(uint64_t at)
{
    xen_build_id_t request;
    const uint32_t bytes = build_id_note->desc_bytes;

    if (!access_allows(ACCESS_CONTROL, current->domain, NULL))
        return ERR(EPERM);
    if (at == 0)
        return bytes;
    if (guest_read(&request, at, sizeof(request)) != 0)
        return ERR(EFAULT);
    if (request.len == 0)
        return ERR(EINVAL);
    if (request.len < bytes)
        return ERR(ENOBUFS);
    return guest_write(at + sizeof(request), build_id_note->desc, bytes) != 0 ? ERR(EFAULT) : (long)bytes;
}

long hc_xen_version(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    switch ((uint32_t)cmd) {
    case XENVER_version: return ABI_MAJOR << 16 | ABI_MINOR;
    case XENVER_extraversion: return guest_write(arg, extra_version, sizeof(extra_version));
    case XENVER_compile_info: return compile_info(arg);
    case XENVER_capabilities: return write_text(arg, CAPABILITIES, sizeof(xen_capabilities_info_t));
    case XENVER_changeset: return write_text(arg, if_control("zendo " HV_VERSION), sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters: return platform_parameters(arg);
    case XENVER_get_features: return get_features(arg);
    case XENVER_pagesize: return arg ? ERR(EINVAL) : (long)PAGE_SIZE;
    case XENVER_guest_handle: return guest_write(arg, current->domain->handle, sizeof(current->domain->handle));
    case XENVER_commandline: return write_text(arg, if_control(boot_command_line), sizeof(xen_commandline_t));
    case XENVER_build_id: return build_id(arg);
    default: return ERR(ENOSYS);
    }
}
