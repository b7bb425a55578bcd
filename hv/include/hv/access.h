/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may do what to whom: the one table of rights is in hv/control/access.c. */
#ifndef HV_ACCESS_H
#define HV_ACCESS_H

#include <hv/domain.h>

/* What an operation asks of its caller; the tables in abi/ name these without the prefix. */
enum access_class {
    ACCESS_ANY,      /* nothing */
    ACCESS_SELF,     /* to do it to itself, or to be the control domain */
    ACCESS_STORE,    /* to run xenstored, or to be the control domain */
    ACCESS_CONTROL,  /* to be the control domain */
    ACCESS_HARDWARE, /* to own the machine's devices */
    NR_ACCESS_CLASSES
};

/* whom: the domain acted on, NULL if the operation is about the machine. */
bool access_allows(enum access_class what, const struct domain *who, const struct domain *whom);
/* The same as an error: 0, or -EPERM. */
int access_check(enum access_class what, const struct domain *who, const struct domain *whom) must_check;
/* A reference to domain `id` (DOMID_SELF: the caller's), if the caller may do that to it. -ESRCH, -EPERM. */
int access_get_domain(enum access_class what, domid_t id, struct domain **out) must_check;

#endif
