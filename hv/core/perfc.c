/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Performance counters as a list, and the debug keys. A reset remembers the values: the CPUs go on counting.
 * Lock: none; values are read while they change, and one reset at a time comes from dom0 or a key.
 */
#include <hv/console.h>
#include <hv/cpumask.h>
#include <hv/hypercall.h>
#include <hv/hypercall_count.h>
#include <hv/log.h>
#include <hv/perfc.h>

DEFINE_PER_CPU(struct perfc, perfc);

struct counter {
    const char *name;
    unsigned int nr, first; /* values, and the first one's place among all */
};

static const struct counter counters[] = {
    { "hypercalls", MAX_HYPERCALL, 0 },
#define PERFC(id, text, values) { text, values, MAX_HYPERCALL + offsetof(struct perfc, id) / sizeof(uint64_t) },
#include <hv/perfc.def>
#undef PERFC
};

static uint64_t at_reset[MAX_HYPERCALL + sizeof(struct perfc) / sizeof(uint64_t)];

static uint64_t total(unsigned int place)
{
    uint64_t sum = 0;
    unsigned int cpu;

    if (place < MAX_HYPERCALL)
        return hypercall_count_of(place);
    for_each_online_cpu(cpu)
        sum += read_once(((const uint64_t *)&per_cpu(perfc, cpu))[place - MAX_HYPERCALL]);
    return sum;
}

const char *perfc_name(unsigned int n, unsigned int *nr_values)
{
    if (n >= array_size(counters))
        return NULL;
    *nr_values = counters[n].nr;
    return counters[n].name;
}

uint64_t perfc_value(unsigned int n, unsigned int i)
{
    const unsigned int place = counters[n].first + i;

    return total(place) - at_reset[place];
}

void perfc_reset(void)
{
    for (unsigned int i = 0; i < array_size(at_reset); i++)
        at_reset[i] = total(i);
}

/* Hypercalls by name, exceptions by vector. */
static void show_values(unsigned int n, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        const uint64_t value = perfc_value(n, i);

        if (value == 0)
            continue;
        if (n == 0)
            log_err("    %-28s %12lu\n", hypercall_name(i) ? hypercall_name(i) : "none", value);
        else
            log_err("    [%2u] %35lu\n", i, value);
    }
}

static void show(unsigned char key)
{
    unsigned int nr;
    const char *name;

    log_err("'%c' pressed -> performance counters\n", key);
    for (unsigned int n = 0; (name = perfc_name(n, &nr)) != NULL; n++) {
        uint64_t sum = 0;

        for (unsigned int i = 0; i < nr; i++)
            sum += perfc_value(n, i);
        log_err("%-32s %12lu\n", name, sum);
        if (nr > 1)
            show_values(n, nr);
    }
}

static void reset(unsigned char key)
{
    log_err("'%c' pressed -> performance counters are 0\n", key);
    perfc_reset();
}

void perfc_init(void)
{
    debug_key_register('p', show, "print performance counters");
    debug_key_register('P', reset, "reset performance counters");
}
