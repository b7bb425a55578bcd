/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where errors were born: each CPU keeps its last places, which debug key 'E' and crash
 * reports show. Filled by ERR() in debug builds. No lock: only the CPU itself writes,
 * and a reader of another CPU's ring may see an entry that is half new.
 */
#include <hv/cpumask.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/percpu.h>

#define ERRLOG_ENTRIES 32u

struct errlog_entry {
    const char *file;
    int line;
    int error;
    unsigned int times;     /* in a row */
};

struct errlog {
    unsigned int next;
    struct errlog_entry entry[ERRLOG_ENTRIES];
};
static DEFINE_PER_CPU(struct errlog, errlog);

int errlog_note(int error, const char *file, int line)
{
    struct errlog *log = &this_cpu(errlog);
    struct errlog_entry *last = &log->entry[(log->next - 1) % ERRLOG_ENTRIES];

    if (last->file == file && last->line == line)
        last->times++;
    else
        log->entry[log->next++ % ERRLOG_ENTRIES] = (struct errlog_entry){ file, line, error, 1 };
    return error;
}

static void dump_cpu(unsigned int cpu)
{
    const struct errlog *log = &per_cpu(errlog, cpu);

    for (unsigned int i = 0; i < ERRLOG_ENTRIES; i++) {
        const struct errlog_entry *e = &log->entry[(log->next + i) % ERRLOG_ENTRIES];

        if (e->file)
            log_err("CPU%u: %s:%d: error %d, %u times\n", cpu, e->file, e->line, e->error, e->times);
    }
}

void errlog_dump(void)
{
    unsigned int cpu;

    log_err("last errors by place:\n");
    for_each_online_cpu(cpu)
        dump_cpu(cpu);
}
