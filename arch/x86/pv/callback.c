/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entry points that a PV guest registers beside its trap table (xen/callback.h, xen/nmi.h). */
#include <arch/pv.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>
#include <xen/callback.h>
#include <xen/nmi.h>

int pv_register_nmi(struct vcpu *v, uint64_t rip)
{
    if (!va_is_canonical(rip))
        return ERR(EINVAL);
    v->arch.trap_table[VEC_NMI] = (struct pv_trap_entry){ .rip = rip, .cs = SEL_GUEST_CS64 };
    /* An NMI that came before there was a handler is not lost. */
    if (v->id == 0 && read_once(v->domain->shared_info->arch.nmi_reason) != 0)
        v->nmi_pending = true;
    return 0;
}

static long unregister_nmi(struct vcpu *v)
{
    v->arch.trap_table[VEC_NMI] = (struct pv_trap_entry){ 0 };
    return 0;
}

/* Where the entry point of a CALLBACKTYPE_* is kept; NULL: no such type. */
static struct pv_callback *callback_of(struct vcpu *v, unsigned int type)
{
    switch (type) {
    case CALLBACKTYPE_event:     return &v->arch.event;
    case CALLBACKTYPE_failsafe:  return &v->arch.failsafe;
    case CALLBACKTYPE_syscall:   return &v->arch.syscall;
    case CALLBACKTYPE_syscall32: return &v->arch.syscall32;
    case CALLBACKTYPE_sysenter:  return &v->arch.sysenter;
    default:                     return NULL;
    }
}

static long register_callback(struct vcpu *v, const struct callback_register *r)
{
    struct pv_callback *c = callback_of(v, r->type);

    if (!va_is_canonical(r->address))
        return ERR(EINVAL);
    if (r->type == CALLBACKTYPE_nmi)
        return pv_register_nmi(v, r->address);
    if (c == NULL)
        return ERR(ENOSYS);
    *c = (struct pv_callback){ .rip = r->address, .disables_events = (r->flags & CALLBACKF_mask_events) != 0 };
    return 0;
}

static long unregister_callback(struct vcpu *v, const struct callback_unregister *u)
{
    if (u->type == CALLBACKTYPE_nmi)
        return unregister_nmi(v);
    return callback_of(v, u->type) ? ERR(EINVAL) : ERR(ENOSYS);
}

long hc_callback_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct callback_register r;
    struct callback_unregister u;

    switch ((int)cmd) {
    case CALLBACKOP_register:
        return guest_read(&r, arg, sizeof(r)) ? ERR(EFAULT) : register_callback(current, &r);
    case CALLBACKOP_unregister:
        return guest_read(&u, arg, sizeof(u)) ? ERR(EFAULT) : unregister_callback(current, &u);
    default:
        return ERR(ENOSYS);
    }
}

/* ABI: addresses that are not canonical are passed over without a word. */
long hc_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall, uint64_t a4, uint64_t a5)
{
    const struct callback_register all[] = {
        { .type = CALLBACKTYPE_event, .address = event },
        { .type = CALLBACKTYPE_failsafe, .address = failsafe },
        { .type = CALLBACKTYPE_syscall, .address = syscall },
    };

    for (unsigned int i = 0; i < array_size(all); i++)
        (void)register_callback(current, &all[i]);
    return 0;
}

long hc_nmi_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct xennmi_callback cb;

    switch ((unsigned int)cmd) {
    case XENNMI_register_callback:
        return guest_read(&cb, arg, sizeof(cb)) ? ERR(EFAULT) : pv_register_nmi(current, cb.handler_address);
    case XENNMI_unregister_callback:
        return unregister_nmi(current);
    default:
        return ERR(ENOSYS);
    }
}
