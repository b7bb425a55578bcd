/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which events are recorded, and the buffers: made once, shared with dom0 as DOMID_XEN's, never freed.
 * Lock: none of its own; control calls come one at a time (sysctl_lock), records are their CPU's.
 */
#include <arch/cpu.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/percpu.h>
#include <hv/softirq.h>
#include <hv/trace.h>
#include "ring.h"

uint32_t trace_live;

static bool enabled;
static uint32_t event_mask = TRC_ALL;
static cpumask_t traced_cpus = { .bits = { [0 ... sizeof(cpumask_t) / 8 - 1] = ~0ULL } };
static struct t_info *info;    /* NULL: no buffers */
static unsigned int info_order;

static DEFINE_PER_CPU(struct trace_ring, ring);
static DEFINE_PER_CPU(struct work, ring_half_full);

static unsigned int size_option, mask_option;
BOOT_PARAM_UINT(tbuf_size, "tbuf_size", size_option);
BOOT_PARAM_UINT(tevt_mask, "tevt_mask", mask_option);

/* ---- recording ---- */

/* An event is wanted if its class is, and its subclass. */
static bool is_selected(uint32_t event)
{
    const uint32_t both = event & read_once(trace_live);

    return both >> TRC_CLS_SHIFT & (TRC_ALL >> TRC_CLS_SHIFT) && both >> TRC_SUBCLS_SHIFT & 0xf;
}

void trace_record(uint32_t event, const uint32_t *words, unsigned int nr)
{
    uint64_t flags;

    if (!is_selected(event))
        return;
    flags = irq_save();
    struct trace_ring *r = &this_cpu(ring);

    if (r->bytes != 0 && cpumask_test(&traced_cpus, this_cpu_id()) &&
        trace_ring_add(r, event, rdtsc(), words, nr, trace_who(current)))
        work_schedule(&this_cpu(ring_half_full));
    irq_restore(flags);
}

/* Deferred: records come from everywhere, with all kinds of locks held. */
static void tell_reader(void *arg)
{
    event_send_global_virq(VIRQ_TBUF);
}

/* ---- buffers ---- */

struct ring_pages {
    void **page;
    uint32_t nr;
};

static void free_pages(struct ring_pages *p)
{
    for (uint32_t i = 0; p->page != NULL && i < p->nr; i++)
        if (p->page[i] != NULL)
            pages_free(p->page[i], 0);
    heap_free(p->page);
    p->page = NULL;
}

static bool alloc_pages(struct ring_pages *p, uint32_t nr)
{
    *p = (struct ring_pages){ .page = heap_new_array(void *, nr), .nr = nr };
    for (uint32_t i = 0; p->page != NULL && i < nr; i++) {
        p->page[i] = pages_alloc(0, ALLOC_ZERO);
        if (p->page[i] == NULL) {
            free_pages(p);
            break;
        }
    }
    return p->page != NULL;
}

static void share(void *page, bool writable)
{
    m2p_set(va_mfn(page), M2P_INVALID);
    frame_share_privileged(frame_of(va_mfn(page)), writable);
}

/* ABI: offsets in struct t_info count 32-bit words, and lists of frame numbers are 32 bits wide: what xentrace reads. */
static uint32_t first_list(void)
{
    return (uint32_t)div_round_up(offsetof(struct t_info, mfn_offset) + nr_cpu_ids * sizeof(uint16_t), sizeof(uint32_t));
}

/* Offsets and sizes have 16 bits: the last CPU's list must begin within them. */
static uint32_t max_ring_pages(void)
{
    return nr_cpu_ids == 1 ? UINT16_MAX : (UINT16_MAX - first_list()) / (nr_cpu_ids - 1);
}

static void publish(unsigned int cpu, const struct ring_pages *p)
{
    const uint32_t at = first_list() + cpu * p->nr;
    uint32_t *list = (uint32_t *)info + at;

    info->mfn_offset[cpu] = (uint16_t)at;
    for (uint32_t i = 0; i < p->nr; i++) {
        list[i] = (uint32_t)va_mfn(p->page[i]).v;
        share(p->page[i], true);
    }
    work_init(&per_cpu(ring_half_full, cpu), tell_reader, NULL);
    trace_ring_init(&per_cpu(ring, cpu), p->page, p->nr);
}

static bool alloc_all(struct ring_pages *all, uint32_t pages)
{
    unsigned int cpu;

    for_each_online_cpu(cpu)
        if (!alloc_pages(&all[cpu], pages))
            return false;
    info_order = pages_order((first_list() + nr_cpu_ids * pages) * sizeof(uint32_t));
    info = pages_alloc(info_order, ALLOC_ZERO);
    return info != NULL;
}

static int make_buffers(struct ring_pages *all, uint32_t pages)
{
    unsigned int cpu;

    if (!alloc_all(all, pages)) {
        for_each_online_cpu(cpu)
            free_pages(&all[cpu]);
        return ERR(ENOMEM);
    }
    info->tbuf_size = (uint16_t)pages;
    for_each_online_cpu(cpu)
        publish(cpu, &all[cpu]);
    for (uint32_t i = 0; i < 1u << info_order; i++)
        share((char *)info + i * PAGE_SIZE, false);
    return 0;
}

int trace_set_size(unsigned int pages)
{
    struct ring_pages *all;
    int rc;

    if (pages == 0)
        return ERR(EINVAL);
    if (info != NULL)
        return info->tbuf_size == pages ? ERR(EBUSY) : ERR(EINVAL);
    all = heap_new_array(struct ring_pages, nr_cpu_ids);
    if (all == NULL)
        return ERR(ENOMEM);
    rc = make_buffers(all, min(pages, max_ring_pages()));
    heap_free(all);
    if (rc == 0)
        log_info("Trace buffers: %u pages for each CPU\n", info->tbuf_size);
    return rc;
}

void trace_info(mfn_t *mfn, uint32_t *bytes)
{
    *mfn = info ? va_mfn(info) : MFN(0);
    *bytes = info ? (uint32_t)PAGE_SIZE << info_order : 0;
}

/* ---- control ---- */

static void apply(void)
{
    const uint32_t live = enabled ? event_mask & TRC_ALL : 0;

    write_once(trace_live, live);
    hypercall_table_select((live & TRC_PV) >> TRC_CLS_SHIFT);
}

void trace_set_events(uint32_t mask)
{
    event_mask = mask;
    apply();
}

uint32_t trace_events(void)
{
    return event_mask;
}

void trace_set_cpus(const cpumask_t *cpus)
{
    traced_cpus = *cpus;
}

int trace_enable(void)
{
    if (info == NULL)
        return ERR(EINVAL);
    enabled = true;
    apply();
    return 0;
}

void trace_disable(void)
{
    enabled = false;
    apply();
}

void trace_init(void)
{
    if (mask_option != 0)
        event_mask = mask_option;
    if (size_option == 0)
        return;
    if (trace_set_size(size_option) != 0 || trace_enable() != 0)
        log_warn("No trace buffers of %u pages\n", size_option);
}
