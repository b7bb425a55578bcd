/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels. */
#include "hostile.h"

void op_event(void)
{
    uint32_t *a = (uint32_t *)me->buffer[0];
    unsigned int cmd = (unsigned int)rnd(15);

    for (unsigned int i = 0; i < 10; i++)
        a[i] = (uint32_t)(one_in(3) ? value() : rnd(40));
    /* Structures begin with a domain for some, a port for most. */
    if (cmd == EVTCHNOP_alloc_unbound || cmd == EVTCHNOP_status || cmd == EVTCHNOP_reset) {
        ((domid_t *)a)[0] = (domid_t)some_domid();
        ((domid_t *)a)[1] = (domid_t)some_domid();
    }
    if (cmd == EVTCHNOP_bind_interdomain)
        ((domid_t *)a)[0] = (domid_t)(one_in(3) ? DOMID_SELF : some_domid());
    if (cmd == EVTCHNOP_init_control || cmd == EVTCHNOP_expand_array) {
        if (!one_in(20))
            return;
        *(uint64_t *)a = some_mfn();
        a[2] = (uint32_t)rnd(512) * 8;
        a[3] = (uint32_t)rnd(5);
        is_fifo = true;
    }
    if ((cmd == EVTCHNOP_reset || cmd == 14) && !one_in(10))
        return;
    if (cmd == EVTCHNOP_bind_pirq && is_dom0)
        return;
    HC2(event_channel_op, cmd, one_in(40) ? (void *)some_va() : a);
}

/* A control block, pages of event words, and queues that change under the hypervisor's hands. */
void op_fifo(void)
{
    const unsigned int block = (unsigned int)rnd(NR_PAGES), words = (unsigned int)rnd(NR_PAGES);
    struct evtchn_init_control init = { .control_gfn = mfn_at[block], .offset = (uint32_t)rnd(8) * 512, .vcpu = (uint32_t)rnd(6) };
    struct evtchn_expand_array expand = { .array_gfn = mfn_at[words] };

    if (!one_in(4))
        return;
    is_fifo = true;
    HC2(event_channel_op, EVTCHNOP_init_control, &init);
    HC2(event_channel_op, EVTCHNOP_expand_array, &expand);
    for (unsigned int i = 0; i < 100; i++) {
        uint32_t *word = (uint32_t *)page[words] + rnd(64);
        struct evtchn_send send = { .port = (evtchn_port_t)rnd(64) };
        struct evtchn_set_priority priority = { .port = (evtchn_port_t)rnd(64), .priority = (uint32_t)rnd(20) };
        struct evtchn_bind_vcpu move = { .port = (evtchn_port_t)rnd(64), .vcpu = (uint32_t)rnd(6) };

        switch (rnd(7)) {
        case 0: HC2(event_channel_op, EVTCHNOP_set_priority, &priority); break;
        case 1: HC2(event_channel_op, EVTCHNOP_bind_vcpu, &move); break;
        case 2: TRY("movl %k1, (%0)", : "r"(word), "r"(rnd(16) << 28 | rnd(128)) : "memory"); break;
        case 3: TRY("lock; andl %k1, (%0)", : "r"(word), "r"(~(1ull << (28 + rnd(4)))) : "memory"); break;
        case 4: try_write((uint8_t *)page[block] + init.offset + rnd(9) * 8, rnd(1ull << 40)); break;
        default: HC2(event_channel_op, EVTCHNOP_send, &send); break;
        }
    }
}
