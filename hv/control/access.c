/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may do what to whom: one table for all hypercalls. An operation's class stands in its row of
 * the tables in abi/, or, where a hypercall has no such column, in its handler.
 */
#include <arch/patch.h>
#include <hv/access.h>
#include <hv/errno.h>
#include <hv/percpu.h>
#include <xen/domctl.h>

/* What the caller is to the domain it acts on, or on its own. */
enum relation {
    IS_ANYBODY  = 1u << 0,
    IS_ITSELF   = 1u << 1,
    IS_CONTROL  = 1u << 2,
    IS_HARDWARE = 1u << 3,
    IS_STORE    = 1u << 4,
};

/* Any one of these will do. */
static const uint8_t sufficient[NR_ACCESS_CLASSES] = {
    [ACCESS_ANY]      = IS_ANYBODY,
    [ACCESS_SELF]     = IS_ITSELF | IS_CONTROL,
    [ACCESS_STORE]    = IS_STORE | IS_CONTROL,
    [ACCESS_CONTROL]  = IS_CONTROL,
    [ACCESS_HARDWARE] = IS_HARDWARE,
};

static unsigned int relations(const struct domain *who, const struct domain *whom)
{
    return IS_ANYBODY | (who == whom ? IS_ITSELF : 0) | (who->is_control ? IS_CONTROL : 0) |
           (who->is_hardware ? IS_HARDWARE : 0) | (who->create_flags & XEN_DOMCTL_CDF_xs_domain ? IS_STORE : 0);
}

bool access_allows(enum access_class what, const struct domain *who, const struct domain *whom)
{
    if (what != ACCESS_ANY && (sufficient[what] & relations(who, whom)) == 0)
        return false;
    barrier_nospec();
    return true;
}

int access_check(enum access_class what, const struct domain *who, const struct domain *whom)
{
    return access_allows(what, who, whom) ? 0 : ERR(EPERM);
}

int access_get_domain(enum access_class what, domid_t id, struct domain **out)
{
    struct domain *d = domain_get_by_id(id);
    int rc;

    if (d == NULL)
        return ERR(ESRCH);
    rc = access_check(what, current->domain, d);
    if (rc != 0)
        domain_put(d);
    else
        *out = d;
    return rc;
}
