/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dispatch, argument checking, multicall, version. */
#include "../lib/guest.h"

const char test_name[] = "hypercall";

#define ENOSYS 38
#define EFAULT 14
#define EINVAL 22

static void version(void)
{
    struct xen_feature_info features = { .submap_idx = 0 };
    char extra[16] = "";

    CHECK_RC(HC2(xen_version, XENVER_version, 0), (4 << 16) | 17);
    CHECK_RC(HC2(xen_version, XENVER_extraversion, extra), 0);
    CHECK(extra[0] != '\0');
    CHECK_RC(HC2(xen_version, XENVER_get_features, &features), 0);
    CHECK(features.submap & (1u << 0 /* XENFEAT_writable_page_tables is off */) ? false : true);
    CHECK_RC(HC2(xen_version, XENVER_extraversion, 0xffff830000000000), -EFAULT);
    CHECK_RC(HC2(xen_version, XENVER_extraversion, 0x1000), -EFAULT);
    CHECK_RC(HC2(xen_version, 99, 0), -ENOSYS);
}

static void unknown(void)
{
    CHECK_RC(hypercall(60, 0, 0, 0, 0, 0), -ENOSYS);
    CHECK_RC(hypercall(100, 0, 0, 0, 0, 0), -ENOSYS);
    CHECK_RC(hypercall(~0l, 0, 0, 0, 0, 0), -ENOSYS);
}

static void multicall(void)
{
    struct multicall_entry calls[32];

    memset(calls, 0, sizeof(calls));
    for (unsigned int i = 0; i < 32; i++) {
        calls[i].op = __HYPERVISOR_xen_version;
        calls[i].args[0] = i == 7 ? 99 : XENVER_version;
    }
    CHECK_RC(HC2(multicall, calls, 32), 0);
    for (unsigned int i = 0; i < 32; i++)
        CHECK((long)calls[i].result == (i == 7 ? -ENOSYS : (4 << 16) | 17));
    calls[0].op = __HYPERVISOR_multicall;
    calls[0].args[0] = (uint64_t)&calls[1];
    calls[0].args[1] = 1;
    CHECK_RC(HC2(multicall, calls, 1), 0);
    CHECK((long)calls[0].result == -EINVAL);
    CHECK_RC(HC2(multicall, 0xffff830000000000, 1), -EFAULT);
}

void test_main(void)
{
    version();
    unknown();
    multicall();
}
