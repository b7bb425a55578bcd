/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The honest domain: it consumes its events as xen/event_channel.h says, and knows what its memory holds. */
#include "witness.h"

#include <hv/bitmap.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>

#define PATTERN(page, word) (0x5a5a000000000000ULL + (page) * PAGE_SIZE + (word))

static bool uses_fifo, expected[WITNESS_PORTS + 1], seen[WITNESS_PORTS + 1];

static uint64_t *page(unsigned int i) { return mfn_va(MFN(world[WITNESS].page[i])); }

/* ---- start ---- */

static long call(uint64_t nr, uint64_t cmd, uint64_t arg, uint64_t count)
{
    long rc;

    machine_cpu(3);
    rc = machine_hypercall(nr, cmd, arg, count, 0, 0);
    machine_cpu(0);
    return rc;
}

static void must(long rc, const char *what)
{
    if (rc != 0)
        finding("the witness's %s: %ld", what, rc);
}

static void use_fifo(void)
{
    uint64_t va;
    struct evtchn_init_control *init = args_alloc(sizeof(*init), &va);
    struct evtchn_expand_array *expand;

    init->control_gfn = world[WITNESS].page[PAGE_CONTROL];
    must(call(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, va, 0), "init_control");
    expand = args_alloc(sizeof(*expand), &va);
    expand->array_gfn = world[WITNESS].page[PAGE_EVENTS];
    must(call(__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, va, 0), "expand_array");
}

/* Two channels to each of the others; the other end is bound there. */
static void open_channels(void)
{
    for (unsigned int i = 0; i < WITNESS_PORTS; i++) {
        const unsigned int who = i / 2;
        uint64_t va, bind_va;
        struct evtchn_alloc_unbound *a = args_alloc(sizeof(*a), &va);
        struct evtchn_bind_interdomain *b = args_alloc(sizeof(*b), &bind_va);

        a->dom = DOMID_SELF;
        a->remote_dom = (domid_t)who;
        must(call(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, va, 0), "alloc_unbound");
        b->remote_dom = WITNESS;
        b->remote_port = a->port;
        world_be(who);
        must(machine_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, bind_va, 0, 0, 0), "peer's bind_interdomain");
        machine_cpu(0);
    }
}

static void grant(grant_entry_v1_t *table, unsigned int ref, unsigned int who, unsigned int i, uint16_t flags)
{
    table[ref] = (grant_entry_v1_t){ .flags = GTF_permit_access | flags, .domid = (domid_t)who, .frame = (uint32_t)world[WITNESS].page[i] };
}

static void offer_grants(void)
{
    uint64_t va, list_va;
    struct gnttab_setup_table *op = args_alloc(sizeof(*op), &va);
    xen_pfn_t *list = args_alloc(sizeof(*list), &list_va);

    op->dom = DOMID_SELF;
    op->nr_frames = 1;
    op->frame_list.p = (void *)(uintptr_t)list_va;
    must(call(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, va, 1), "setup_table");
    grant(mfn_va(MFN(*list)), WITNESS_REF_RO, GUEST_A, WITNESS_RO, GTF_readonly);
    grant(mfn_va(MFN(*list)), WITNESS_REF_RW, GUEST_B, WITNESS_RW, 0);
}

void witness_start(bool fifo)
{
    uses_fifo = fifo;
    memset(expected, 0, sizeof(expected));
    for (unsigned int i = FIRST_DATA; i < GUEST_PAGES; i++)
        for (unsigned int w = 0; w < PT_ENTRIES; w++)
            page(i)[w] = PATTERN(i, w);
    if (fifo)
        use_fifo();
    open_channels();
    offer_grants();
    witness_check();
}

/* ---- events ---- */

void witness_expect(evtchn_port_t port)
{
    if (port >= 1 && port <= WITNESS_PORTS)
        expected[port] = true;
}

static void consume_2level(struct shared_info *s, struct vcpu_info *info)
{
    uint64_t words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

    for (; words; words &= words - 1) {
        const unsigned int w = (unsigned int)__builtin_ctzll(words);
        uint64_t bits = s->evtchn_pending[w] & ~s->evtchn_mask[w];

        for (; bits; bits &= bits - 1) {
            const unsigned int port = w * 64 + (unsigned int)__builtin_ctzll(bits);

            s->evtchn_pending[w] &= ~(1ULL << port % 64);
            if (port <= WITNESS_PORTS)
                seen[port] = true;
        }
    }
}

static uint32_t unlink_event(uint32_t *word)
{
    return __atomic_fetch_and(word, ~(1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST);
}

static void consume_queue(struct evtchn_fifo_control_block *c, unsigned int q)
{
    uint32_t *words = (uint32_t *)page(PAGE_EVENTS), port = c->head[q];

    for (unsigned int n = 0; port != 0; n++) {
        uint32_t old;

        if (port > WITNESS_PORTS || n > 64)
            finding("the witness's queue %u leads to event %u", q, port);
        old = unlink_event(&words[port]);
        if ((words[port] >> EVTCHN_FIFO_PENDING & 1) && !(words[port] >> EVTCHN_FIFO_MASKED & 1)) {
            __atomic_fetch_and(&words[port], ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST);
            seen[port] = true;
        }
        port = old & EVTCHN_FIFO_LINK_MASK;
    }
}

static void consume_fifo(void)
{
    struct evtchn_fifo_control_block *c = (void *)page(PAGE_CONTROL);
    uint32_t ready = __atomic_exchange_n(&c->ready, 0, __ATOMIC_SEQ_CST);

    for (; ready; ready &= ready - 1)
        consume_queue(c, (unsigned int)__builtin_ctz(ready));
}

static void consume(void)
{
    struct domain *d = world_domain(WITNESS);
    struct vcpu_info *info = d->vcpu[0]->vcpu_info;

    if (!__atomic_exchange_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST))
        return;
    if (uses_fifo)
        consume_fifo();
    else
        consume_2level(d->shared_info, info);
}

/* ---- checks ---- */

static void check_memory(void)
{
    for (unsigned int i = FIRST_DATA; i < GUEST_PAGES; i++)
        for (unsigned int w = 0; w < PT_ENTRIES && i != WITNESS_RW; w++)
            if (page(i)[w] != PATTERN(i, w))
                finding("the witness's page %u has %lx in word %u", i, page(i)[w], w);
}

void witness_check_events(void)
{
    memset(seen, 0, sizeof(seen));
    consume();
    for (unsigned int port = 1; port <= WITNESS_PORTS; port++)
        if (expected[port] && !seen[port])
            finding("an event for port %u of the witness is lost", port);
    memset(expected, 0, sizeof(expected));
}

void witness_check(void)
{
    witness_check_events();
    check_memory();
}
