/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to domain/. */
#ifndef HV_DOMAIN_LIFECYCLE_H
#define HV_DOMAIN_LIFECYCLE_H

#include <hv/domain.h>

/* Shutdown work and watchdogs of a new domain; and their end. */
void domain_lifecycle_init(struct domain *d);
void domain_lifecycle_fini(struct domain *d);
/* Registers the debug key. Boot. */
void domain_dump_init(void);
void vcpu_info_init(struct vcpu *v);
void vcpu_info_drop(struct vcpu *v);

#endif
