/* SPDX-License-Identifier: GPL-2.0-or-later */
// sources: arch/x86/pv/priv/ports.c hv/lib/rangeset.c
/* Ports of PV guests: who may use which, and what the ports that are ours do. The test is the machine. */
#include "host_support.h"

#include <arch/platform.h>
#include <arch/pv.h>
#include <hv/guest_access.h>
#include "../../arch/x86/pv/priv/priv.h"

static struct domain d;
static struct vcpu v;
static uint8_t bitmap[8192 + 1];
static unsigned int toggles, config_writes, out_bytes, nr_out;
static uint16_t out_port;
static uint32_t out_value, config_value;
static uint8_t cmos[128], cmos_index;

uint32_t host_test_in(uint16_t port, unsigned int bytes)
{
    return port == 0x71 ? cmos[cmos_index] : port == 0x61 ? 0x3c : 0xabcd0000u | port;
}
void host_test_out(uint16_t port, unsigned int bytes, uint32_t value)
{
    if (port == 0x70)
        cmos_index = value & 127;
    else if (port == 0x71)
        cmos[cmos_index] = (uint8_t)value;
    out_port = port;
    out_bytes = bytes;
    out_value = value;
    nr_out++;
}
uint32_t pci_config_read(uint16_t segment, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int bytes)
{
    return 0x12345678u >> (8 * (reg & 3));
}
void pci_config_write_guest(uint16_t segment, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int bytes, uint32_t value)
{
    config_writes++;
    config_value = value;
    assert_int_equal(bus, 0x12);
    assert_int_equal(devfn, 0x34);
    assert_int_equal(reg, 0x56);
    assert_int_equal(bytes, 2);
}
void pv_toggle_mode(struct vcpu *vc) { toggles++; }
int guest_read(void *dst, uint64_t va, size_t n)
{
    if (va + n > (uintptr_t)bitmap + sizeof(bitmap))
        return -14;
    memcpy(dst, (void *)(uintptr_t)va, n);
    return 0;
}

static int setup(void **unused)
{
    memset(&d, 0, sizeof(d));
    memset(&v, 0, sizeof(v));
    rangeset_init(&d.arch.ioports_allowed);
    v.domain = &d;
    v.arch.in_kernel = true;
    v.arch.iobitmap_va = (uintptr_t)bitmap;
    memset(bitmap, 0xff, sizeof(bitmap));
    toggles = config_writes = nr_out = 0;
    return 0;
}

static int teardown(void **unused)
{
    rangeset_fini(&d.arch.ioports_allowed);
    return 0;
}

static void test_iopl(void **unused)
{
    assert_false(pv_port_permitted(&v, 0x80, 1));
    v.arch.iopl = 1;
    assert_true(pv_port_permitted(&v, 0x80, 1));
    v.arch.in_kernel = false;
    assert_false(pv_port_permitted(&v, 0x80, 1));
    v.arch.iopl = 3;
    assert_true(pv_port_permitted(&v, 0x80, 1));
    v.arch.in_kernel = true;
    v.arch.iopl = 0;
    d.vm_assist = 1ULL << VMASST_TYPE_architectural_iopl;
    assert_true(pv_port_permitted(&v, 0x80, 1));
}

static void test_bitmap(void **unused)
{
    v.arch.in_kernel = false;
    v.arch.iobitmap_ports = 65536;
    bitmap[0x3f8 / 8] = 0;
    assert_true(pv_port_permitted(&v, 0x3f8, 4));
    assert_int_equal(toggles, 2); /* there and back */
    assert_false(pv_port_permitted(&v, 0x3fe, 4)); /* the next byte forbids */
    bitmap[0x400 / 8] = 0;
    assert_true(pv_port_permitted(&v, 0x3fe, 4));
    v.arch.iobitmap_ports = 0x3f8;
    assert_false(pv_port_permitted(&v, 0x3f8, 1));
    v.arch.iobitmap_ports = 65536;
    v.arch.iobitmap_va = (uintptr_t)bitmap + 16; /* the end is not readable */
    assert_false(pv_port_permitted(&v, 0xfff8, 1));
}

static void test_direct_only_if_allowed(void **unused)
{
    assert_int_equal(pv_port_read(&v, 0x3f8, 1), 0xff);
    assert_int_equal(pv_port_read(&v, 0x3f8, 4), ~0u);
    pv_port_write(&v, 0x3f8, 1, 5);
    assert_int_equal(nr_out, 0);
    assert_int_equal(rangeset_add(&d.arch.ioports_allowed, 0x3f8, 0x3ff), 0);
    assert_int_equal(pv_port_read(&v, 0x3f8, 4), 0xabcd03f8);
    pv_port_write(&v, 0x3fc, 4, 0x99887766);
    assert_int_equal(out_port, 0x3fc);
    assert_int_equal(out_bytes, 4);
    pv_port_write(&v, 0x3fe, 4, 1); /* reaches beyond */
    assert_int_equal(nr_out, 1);
}

static void test_pci(void **unused)
{
    assert_int_equal(rangeset_add(&d.arch.ioports_allowed, 0, 0xffff), 0);
    pv_port_write(&v, 0xcf8, 4, 0x80123454);
    assert_int_equal(nr_out, 0); /* a latch of ours, whatever is allowed */
    assert_int_equal(pv_port_read(&v, 0xcf8, 4), 0x80123454);
    assert_int_equal(rangeset_remove(&d.arch.ioports_allowed, 0xcf8, 0xcff), 0);
    assert_int_equal(pv_port_read(&v, 0xcfc, 4), ~0u); /* not the machine's owner */
    pv_port_write(&v, 0xcfe, 2, 0xbeef);
    assert_int_equal(config_writes, 0);
    d.is_hardware = true;
    assert_int_equal(pv_port_read(&v, 0xcfc, 4), 0x12345678);
    assert_int_equal(pv_port_read(&v, 0xcfd, 1), 0x56);
    pv_port_write(&v, 0xcfe, 2, 0xbeef);
    assert_int_equal(config_writes, 1);
    assert_int_equal(config_value, 0xbeef);
    pv_port_write(&v, 0xcf8, 4, 0x00123454); /* not enabled */
    pv_port_write(&v, 0xcfe, 2, 1);
    assert_int_equal(config_writes, 1);
}

static void test_cmos(void **unused)
{
    cmos[10] = 0x26;
    pv_port_write(&v, 0x70, 1, 10);
    assert_int_equal(nr_out, 0);
    assert_int_equal(pv_port_read(&v, 0x70, 1), 10);
    assert_int_equal(pv_port_read(&v, 0x71, 1), 0xff);
    assert_int_equal(rangeset_add(&d.arch.ioports_allowed, 0x70, 0x71), 0);
    assert_int_equal(pv_port_read(&v, 0x71, 1), 0x26);
    pv_port_write(&v, 0x71, 1, 7);
    assert_int_equal(cmos[10], 7);
    assert_int_equal(host_locks_held, 0);
}

static void test_timer(void **unused)
{
    pv_port_write(&v, 0x43, 1, 0xb0);
    assert_int_equal(nr_out, 0);
    assert_int_equal(pv_port_read(&v, 0x61, 1), 0xff);
    d.is_hardware = true;
    pv_port_write(&v, 0x43, 1, 0x34); /* channel 0 is nobody's */
    assert_int_equal(nr_out, 0);
    pv_port_write(&v, 0x43, 1, 0xb0);
    assert_int_equal(nr_out, 1);
    pv_port_write(&v, 0x61, 1, 0xff);
    assert_int_equal(out_value, 0x3f);
    assert_int_equal(pv_port_read(&v, 0x61, 1), 0x3c);
    assert_int_equal(pv_port_read(&v, 0x43, 1), 0xff);
}

static void test_breakpoints(void **unused)
{
    v.arch.dr[1] = 0x3f8;
    v.arch.dr7 = 0x400 | 2u << 20 | 1u << 22; /* channel 1: I/O, two bytes */
    assert_int_equal(pv_port_breakpoints(&v, 0x3f8, 1), 0);
    v.arch.dr7_emul = 4;
    assert_int_equal(pv_port_breakpoints(&v, 0x3f9, 1), 2);
    assert_int_equal(pv_port_breakpoints(&v, 0x3f6, 4), 2);
    assert_int_equal(pv_port_breakpoints(&v, 0x3fa, 1), 0);
    assert_int_equal(pv_port_breakpoints(&v, 0x3f4, 4), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_iopl), T(test_bitmap), T(test_direct_only_if_allowed), T(test_pci), T(test_cmos), T(test_timer), T(test_breakpoints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
