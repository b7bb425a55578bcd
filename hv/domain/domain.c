/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains as objects: found by number, counted, created, freed. How they run and die
 * is lifecycle.c's. Lock: domain_list_lock guards the table; a domain found there has
 * a reference taken under the lock, unless its last one is gone (D1).
 */
#include "lifecycle.h"

#include <hv/errno.h>
#include <hv/grant.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/trace.h>
#include <xen/domctl.h>

#define IDS_PER_CHUNK 512u
#define NR_CHUNKS     div_round_up(DOMID_FIRST_RESERVED, IDS_PER_CHUNK)

static struct spinlock domain_list_lock = SPINLOCK_INIT(RANK_DOMAIN_LIST);
static struct domain **chunk[NR_CHUNKS]; /* made when first needed, kept */

struct domain *hardware_domain, *domain_xen, *domain_io;

/* ---- the table; lock held ---- */

static struct domain *at(unsigned int id)
{
    struct domain **c;

    /* Trust: guests name domains. */
    id = (unsigned int)index_nospec(id, DOMID_FIRST_RESERVED);
    c = chunk[id / IDS_PER_CHUNK];

    return c ? c[id % IDS_PER_CHUNK] : NULL;
}

/* The first domain at or after id with a live reference; it gets one more. */
static struct domain *get_from(unsigned int id)
{
    for (; id < DOMID_FIRST_RESERVED; id++) {
        struct domain *d;

        if (chunk[id / IDS_PER_CHUNK] == NULL) {
            id |= IDS_PER_CHUNK - 1;
            continue;
        }
        d = at(id);
        if (d != NULL && domain_get(d))
            return d;
    }
    return NULL;
}

/* ---- references ---- */

bool domain_get(struct domain *d)
{
    uint32_t refs = read_once(d->refs);

    do {
        if (unlikely(refs == 0))
            return false;
    } while (!__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return true;
}

void domain_put(struct domain *d)
{
    const uint32_t refs = __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL);

    ASSERT(refs != UINT32_MAX);
    if (unlikely(refs == 0))
        work_schedule(&d->free_work);
}

struct domain *domain_get_by_id(domid_t id)
{
    struct domain *d = current->domain;

    if ((id == DOMID_SELF || id == d->id) && !current->is_idle)
        return domain_get(d) ? d : NULL;
    if (id >= DOMID_FIRST_RESERVED)
        return NULL;
    spin_lock(&domain_list_lock);
    d = at(id);
    if (d != NULL && !domain_get(d))
        d = NULL;
    spin_unlock(&domain_list_lock);
    return d;
}

struct domain *domain_get_any(domid_t id)
{
    struct domain *d = id == DOMID_XEN ? domain_xen : id == DOMID_IO ? domain_io : NULL;

    if (d == NULL)
        return domain_get_by_id(id);
    return domain_get(d) ? d : NULL;
}

struct domain *domain_next(struct domain *prev)
{
    struct domain *d;

    spin_lock(&domain_list_lock);
    d = get_from(prev ? prev->id + 1u : 0);
    spin_unlock(&domain_list_lock);
    if (prev != NULL)
        domain_put(prev);
    return d;
}

struct vcpu *domain_vcpu(struct domain *d, uint64_t id)
{
    return likely(id < d->max_vcpus) ? __atomic_load_n(&d->vcpu[index_nospec(id, d->max_vcpus)], __ATOMIC_ACQUIRE) : NULL;
}

/* Numbers are not used again soon: what still names a dead domain names nobody. */
int domain_free_id(void)
{
    static unsigned int last;
    int found = -XEN_ENOMEM;

    spin_lock(&domain_list_lock);
    for (unsigned int n = 1; n < DOMID_FIRST_RESERVED; n++) {
        const unsigned int id = 1 + (last + n - 1) % (DOMID_FIRST_RESERVED - 1);

        if (at(id) == NULL) {
            last = id;
            found = (int)id;
            break;
        }
    }
    spin_unlock(&domain_list_lock);
    return found;
}

static bool id_is_free(domid_t id)
{
    bool is_free;

    spin_lock(&domain_list_lock);
    is_free = at(id) == NULL;
    spin_unlock(&domain_list_lock);
    return is_free;
}

static int prepare_chunk(domid_t id)
{
    struct domain **fresh;

    if (read_once(chunk[id / IDS_PER_CHUNK]) != NULL)
        return 0;
    fresh = heap_new_array(struct domain *, IDS_PER_CHUNK);
    if (fresh == NULL)
        return ERR(ENOMEM);
    spin_lock(&domain_list_lock);
    if (chunk[id / IDS_PER_CHUNK] == NULL) {
        chunk[id / IDS_PER_CHUNK] = fresh;
        fresh = NULL;
    }
    spin_unlock(&domain_list_lock);
    heap_free(fresh);
    return 0;
}

static void set_entry(domid_t id, struct domain *d)
{
    spin_lock(&domain_list_lock);
    chunk[id / IDS_PER_CHUNK][id % IDS_PER_CHUNK] = d;
    spin_unlock(&domain_list_lock);
}

/* ---- creation ---- */

static void domain_free(void *arg);

static struct domain *new_domain(domid_t id)
{
    struct domain *d = heap_new(struct domain);

    if (d == NULL)
        return NULL;
    d->id = id;
    d->refs = 1;
    d->pages = FRAME_NO_LINK;
    d->shutdown_code = -1;
    spin_init(&d->control_lock, RANK_DOMCTL);
    spin_init(&d->page_lock, RANK_DOMAIN_PAGES);
    spin_init(&d->shutdown_lock, RANK_SHUTDOWN);
    rangeset_init(&d->iomem_allowed);
    rangeset_init(&d->irqs_allowed);
    work_init(&d->free_work, domain_free, d);
    sched_domain_init(d);
    return d;
}

static void apply_config(struct domain *d, const struct domain_config *config)
{
    d->is_control = config->is_control;
    d->is_hardware = config->is_hardware;
    d->is_hvm = (config->flags & XEN_DOMCTL_CDF_hvm) != 0;
    d->create_flags = config->flags;
    d->ssidref = config->ssidref;
    memcpy(d->handle, config->handle, sizeof(d->handle));
    d->max_vcpus = config->max_vcpus;
    d->pause_count = 1;
    d->control_pause_count = 1;
    d->created_paused = true;
}

static int make_shared_info(struct domain *d)
{
    d->shared_info = pages_alloc(0, ALLOC_ZERO);
    if (d->shared_info == NULL)
        return ERR(ENOMEM);
    frame_share(d->shared_info, d, true);
    return 0;
}

static int make_parts(struct domain *d, const struct domain_config *config)
{
    int rc;

    rc = make_shared_info(d);
    if (rc != 0)
        return rc;
    rc = event_domain_init(d, config->max_evtchn_port);
    if (rc != 0)
        goto out_shared;
    rc = arch_domain_create(d, config);
    if (rc != 0)
        goto out_event;
    rc = grant_domain_init(d, config->max_grant_frames, config->max_maptrack_frames, config->grant_version);
    if (rc != 0)
        goto out_arch;
    rc = pirq_domain_init(d);
    if (rc != 0)
        goto out_grant;
    return 0;

out_grant:
    grant_domain_fini(d);
out_arch:
    arch_domain_fini(d);
out_event:
    event_domain_fini(d);
out_shared:
    domain_frame_release(frame_of(va_mfn(d->shared_info)));
    pages_free(d->shared_info, 0);
    return rc;
}

/* Also for a domain that was never in the table. */
static void free_shell(struct domain *d)
{
    rangeset_fini(&d->iomem_allowed);
    rangeset_fini(&d->irqs_allowed);
    heap_free(d->vcpu);
    heap_free(d);
}

int domain_create(domid_t id, const struct domain_config *config, struct domain **out)
{
    struct domain *d;
    int rc;

    if (id >= DOMID_FIRST_RESERVED || config->max_vcpus == 0 || config->max_vcpus > MAX_VCPUS_PER_DOMAIN)
        return ERR(EINVAL);
    if (!id_is_free(id))
        return ERR(EEXIST);
    rc = prepare_chunk(id);
    if (rc != 0)
        return rc;
    d = new_domain(id);
    if (d == NULL)
        return ERR(ENOMEM);
    apply_config(d, config);
    d->vcpu = heap_new_array(struct vcpu *, d->max_vcpus);
    rc = d->vcpu ? make_parts(d, config) : ERR(ENOMEM);
    if (rc != 0) {
        free_shell(d);
        return rc;
    }
    domain_lifecycle_init(d);
    time_update_wallclock(d);
    set_entry(id, d);
    trace(TRC_SCHED_DOM_ADD, id);
    trace(TRC_DOM0_DOM_ADD, id);
    if (d->is_hardware)
        hardware_domain = d;
    if (!domain_get(d)) /* the caller's, beside that of D1 */
        BUG();
    *out = d;
    return 0;
}

static void vcpu_free(struct vcpu *v)
{
    sched_vcpu_fini(v);
    vcpu_info_drop(v);
    arch_vcpu_fini(v);
    heap_free(v);
}

int vcpu_create(struct domain *d, unsigned int id, struct vcpu **out)
{
    struct vcpu *v;
    int rc;

    if (id >= d->max_vcpus)
        return ERR(EINVAL);
    if (d->vcpu[id] != NULL)
        return ERR(EEXIST);
    v = heap_new(struct vcpu);
    if (v == NULL)
        return ERR(ENOMEM);
    v->id = id;
    v->domain = d;
    v->pause_flags = VPF_DOWN;
    vcpu_info_init(v);
    rc = sched_vcpu_init(v);
    if (rc == 0)
        rc = event_vcpu_init(v);
    if (rc == 0)
        rc = arch_vcpu_create(v);
    if (rc != 0) {
        sched_vcpu_fini(v);
        heap_free(v);
        return rc;
    }
    /* ABI: PV guests have a tick of 100 Hz until they stop it. */
    v->periodic_ns = d->is_hvm ? 0 : 10 * NS_PER_MS;
    __atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
    *out = v;
    return 0;
}

/* The last reference is gone: nobody can find or name d. In a work item, since the last holder may have been anywhere. */
static void domain_free(void *arg)
{
    struct domain *d = arg;

    set_entry(d->id, NULL);
    trace(TRC_SCHED_DOM_REM, d->id);
    trace(TRC_DOM0_DOM_REM, d->id);
    domain_lifecycle_fini(d);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpu[i] != NULL)
            vcpu_free(d->vcpu[i]);
    pirq_domain_fini(d);
    grant_domain_fini(d);
    arch_domain_fini(d);
    event_domain_fini(d);
    pages_free(d->shared_info, 0);
    free_shell(d);
}

/* ---- pseudo domains: they own what is nobody's; never in the table ---- */

static boot_code struct domain *make_pseudo(domid_t id)
{
    struct domain *d = new_domain(id);

    if (d == NULL)
        panic("Out of memory for domain %u\n", id);
    d->pause_count = 1;
    return d;
}

boot_code void domain_init(void)
{
    domain_xen = make_pseudo(DOMID_XEN);
    domain_io = make_pseudo(DOMID_IO);
    domain_dump_init();
}
