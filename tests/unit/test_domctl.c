/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl's dispatch: who is let through, to which domain, what is written back; every row of the table. */
// sources: hv/control/domctl.c hv/control/access.c hv/control/bitmap.c hv/lib/bitmap.c
#include "host_support.h"
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>

/* ---- surroundings ---- */

#define BAD_ADDRESS 0xbadUL

int errlog_note(int error, const char *file, int line) { return error; }
static bool write_fails;

int guest_read(void *dst, uint64_t va, size_t n)
{
    if (va == BAD_ADDRESS)
        return -XEN_EFAULT;
    memcpy(dst, (void *)va, n);
    return 0;
}
int guest_write(uint64_t va, const void *src, size_t n)
{
    if (va == BAD_ADDRESS || write_fails)
        return -XEN_EFAULT;
    memcpy((void *)va, src, n);
    return 0;
}
int guest_zero(uint64_t va, size_t n)
{
    if (va == BAD_ADDRESS)
        return -XEN_EFAULT;
    memset((void *)va, 0, n);
    return 0;
}

static struct domain dom0 = { .id = 0, .is_control = true, .is_hardware = true, .refs = 1 };
static struct domain store = { .id = 3, .create_flags = XEN_DOMCTL_CDF_xs_domain, .refs = 1 };
static struct domain guest = { .id = 7, .refs = 1 };
static struct domain *const all[] = { &dom0, &store, &guest };
static struct vcpu vcpu;

struct domain *domain_get_by_id(domid_t id)
{
    for (size_t i = 0; i < array_size(all); i++)
        if (all[i]->id == id) {
            all[i]->refs++;
            return all[i];
        }
    return NULL;
}
void domain_put(struct domain *d) { assert_true(d->refs-- > 1); }
struct domain *domain_next(struct domain *prev)
{
    size_t i = 0;

    while (prev != NULL && all[i++] != prev)
        ;
    if (prev != NULL)
        domain_put(prev);
    return i < array_size(all) ? domain_get_by_id(all[i]->id) : NULL;
}

static unsigned int nr_continued;
long hypercall_continue(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    assert_int_equal(nr, __HYPERVISOR_domctl);
    nr_continued++;
    return 0;
}

static bool lock_is_busy;
bool spin_trylock(struct spinlock *l) { return !lock_is_busy; }
void spin_unlock(struct spinlock *l) { }

/* Every handler: notes that it ran, marks the structure, answers as told. */
static uint32_t ran;
static struct domain *ran_on;
static long answer;
#define MARK 0x5au
#define DOMCTL(number, name, who, target, back)                     \
    long domctl_##name(struct domain *d, struct xen_domctl *op)     \
    {                                                               \
        ran = number;                                               \
        ran_on = d;                                                 \
        memset(&op->u, MARK, sizeof(op->u));                        \
        return answer;                                              \
    }
#define DOMCTL_REFUSED(number, name, error)
#include "../../abi/domctl.def"
#undef DOMCTL
#undef DOMCTL_REFUSED

static struct xen_domctl op;

static long call_as(struct domain *d, uint32_t cmd, domid_t target)
{
    op = (struct xen_domctl){ .cmd = cmd, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = target };
    vcpu.domain = d;
    host_test_current = &vcpu;
    ran = 0;
    ran_on = NULL;
    const long rc = hc_domctl((uintptr_t)&op, 0, 0, 0, 0);

    for (size_t i = 0; i < array_size(all); i++)
        assert_int_equal(all[i]->refs, 1);
    return rc;
}

static int set_up(void **state)
{
    answer = 0;
    write_fails = lock_is_busy = false;
    nr_continued = 0;
    return 0;
}

static bool was_written(void) { return op.u.pad[0] == MARK; }

/* ---- tests ---- */

static void test_argument(void **state)
{
    vcpu.domain = &dom0;
    host_test_current = &vcpu;
    assert_int_equal(hc_domctl(BAD_ADDRESS, 0, 0, 0, 0), -XEN_EFAULT);
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1;
    assert_int_equal(hc_domctl((uintptr_t)&op, 0, 0, 0, 0), -XEN_EACCES);
}

/* Domains that are not there are told before rights, and both before unknown operations. */
static void test_order_of_errors(void **state)
{
    assert_int_equal(call_as(&guest, 9999, 5), -XEN_ESRCH);
    assert_int_equal(call_as(&guest, 9999, 0), -XEN_EPERM);
    assert_int_equal(call_as(&dom0, 9999, 0), -XEN_ENOSYS);
    assert_int_equal(call_as(&dom0, 0, 0), -XEN_ENOSYS);
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_pausedomain, DOMID_SELF), -XEN_ESRCH);
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_pausedomain, DOMID_XEN), -XEN_ESRCH);
}

static void check_row(uint32_t cmd, enum access_class who)
{
    assert_int_equal(call_as(&dom0, cmd, 7), 0);
    assert_int_equal(ran, cmd);
    assert_int_equal(call_as(&guest, cmd, 7), -XEN_EPERM);
    assert_int_equal(ran, 0);
    assert_int_equal(call_as(&store, cmd, 7), who == ACCESS_STORE ? 0 : -XEN_EPERM);
}

/* No domain but dom0 gets anywhere, not even with itself; xenstored's may look. */
static void test_every_row(void **state)
{
#define DOMCTL(number, name, who, target, back) check_row(number, ACCESS_##who);
#define DOMCTL_REFUSED(number, name, error)                       \
    assert_int_equal(call_as(&dom0, number, 7), -XEN_##error);    \
    assert_int_equal(call_as(&guest, number, 7), -XEN_EPERM);
#include "../../abi/domctl.def"
#undef DOMCTL
#undef DOMCTL_REFUSED
}

static void test_targets(void **state)
{
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_createdomain, 7), 0);
    assert_null(ran_on);
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_pausedomain, 7), 0);
    assert_ptr_equal(ran_on, &guest);
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_getdomaininfo, 4), 0);
    assert_ptr_equal(ran_on, &guest);
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_getdomaininfo, 3), 0);
    assert_ptr_equal(ran_on, &store);
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_getdomaininfo, 8), -XEN_ESRCH);
}

static void test_written_back(void **state)
{
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_pausedomain, 7), 0);
    assert_false(was_written());
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_getvcpuinfo, 7), 0);
    assert_true(was_written());
    answer = -XEN_EINVAL;
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_getvcpuinfo, 7), -XEN_EINVAL);
    assert_false(was_written());
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_set_cpu_policy, 7), -XEN_EINVAL);
    assert_true(was_written());
    write_fails = true;
    answer = 0;
    assert_int_equal(call_as(&dom0, XEN_DOMCTL_getvcpuinfo, 7), -XEN_EFAULT);
}

static void test_continuation(void **state)
{
    answer = -XEN_ERESTART;
    call_as(&dom0, XEN_DOMCTL_destroydomain, 7);
    assert_int_equal(nr_continued, 1);
    assert_false(was_written());
    answer = 0;
    lock_is_busy = true;
    call_as(&dom0, XEN_DOMCTL_pausedomain, 7);
    assert_int_equal(nr_continued, 2);
    assert_int_equal(ran, 0);
}

static void test_access(void **state)
{
    assert_int_equal(access_check(ACCESS_ANY, &guest, NULL), 0);
    assert_int_equal(access_check(ACCESS_SELF, &guest, &guest), 0);
    assert_int_equal(access_check(ACCESS_SELF, &guest, &store), -XEN_EPERM);
    assert_int_equal(access_check(ACCESS_SELF, &guest, NULL), -XEN_EPERM);
    assert_int_equal(access_check(ACCESS_SELF, &dom0, &guest), 0);
    assert_int_equal(access_check(ACCESS_STORE, &store, &guest), 0);
    assert_int_equal(access_check(ACCESS_CONTROL, &store, &store), -XEN_EPERM);
    assert_int_equal(access_check(ACCESS_HARDWARE, &dom0, NULL), 0);
    assert_int_equal(access_check(ACCESS_HARDWARE, &guest, &guest), -XEN_EPERM);
}

/* ---- bitmaps of the tools ---- */

static struct xenctl_bitmap bitmap_at(void *p, uint32_t nr_bits)
{
    struct xenctl_bitmap b = { .nr_bits = nr_bits };

    b.bitmap.p = p;
    return b;
}

static void test_bitmap_read(void **state)
{
    uint8_t bytes[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    struct xenctl_bitmap b = bitmap_at(bytes, 10);
    uint64_t map[2] = { ~0ULL, ~0ULL };

    assert_int_equal(control_bitmap_read(&b, map, 128), 0);
    assert_int_equal(map[0], 0x3ff);
    assert_int_equal(map[1], 0);
    b = bitmap_at(bytes, 80);
    assert_int_equal(control_bitmap_read(&b, map, 70), 0);
    assert_int_equal(map[0], ~0ULL);
    assert_int_equal(map[1], 0x3f);
    b = bitmap_at((void *)BAD_ADDRESS, 8);
    assert_int_equal(control_bitmap_read(&b, map, 64), -XEN_EFAULT);
    b = bitmap_at((void *)BAD_ADDRESS, 0);
    assert_int_equal(control_bitmap_read(&b, map, 64), 0);
    assert_int_equal(map[0], 0);
}

static void test_bitmap_write(void **state)
{
    const uint64_t map[2] = { ~0ULL, ~0ULL };
    uint8_t bytes[20];
    struct xenctl_bitmap b = bitmap_at(bytes, 128);

    memset(bytes, 0xee, sizeof(bytes));
    assert_int_equal(control_bitmap_write(&b, map, 12), 0);
    assert_int_equal(bytes[0], 0xff);
    assert_int_equal(bytes[1], 0x0f);
    for (unsigned int i = 2; i < 16; i++)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(bytes[16], 0xee);

    memset(bytes, 0xee, sizeof(bytes));
    b = bitmap_at(bytes, 9);
    assert_int_equal(control_bitmap_write(&b, map, 128), 0);
    assert_int_equal(bytes[1], 0xff);
    assert_int_equal(bytes[2], 0xee);

    b = bitmap_at((void *)BAD_ADDRESS, 0);
    assert_int_equal(control_bitmap_write(&b, map, 128), 0);
    b = bitmap_at((void *)BAD_ADDRESS, 8);
    assert_int_equal(control_bitmap_write(&b, map, 128), -XEN_EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_argument, set_up),      cmocka_unit_test_setup(test_order_of_errors, set_up),
        cmocka_unit_test_setup(test_every_row, set_up),     cmocka_unit_test_setup(test_targets, set_up),
        cmocka_unit_test_setup(test_written_back, set_up),  cmocka_unit_test_setup(test_continuation, set_up),
        cmocka_unit_test(test_access),                      cmocka_unit_test_setup(test_bitmap_read, set_up),
        cmocka_unit_test_setup(test_bitmap_write, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
