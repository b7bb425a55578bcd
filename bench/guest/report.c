/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples and their medians. */
#include "bench.h"

uint64_t samples[SAMPLES];
static uint64_t empty_pair;

bool is_traced(const char *name)
{
    static const char option[] = "trace=";
    const char *p = (const char *)start_info->cmd_line;

    while (*p != '\0' && memcmp(p, option, sizeof(option) - 1) != 0)
        p++;
    if (*p == '\0')
        return false;
    for (p += sizeof(option) - 1; *name != '\0' && *p == *name; p++)
        name++;
    if (*name != '\0' || *p != '\0')
        return false;
    print("TRACE\n");
    return true;
}

static uint64_t median(unsigned int nr)
{
    for (unsigned int i = 1; i < nr; i++)
        for (unsigned int j = i; j > 0 && samples[j - 1] > samples[j]; j--) {
            const uint64_t t = samples[j];

            samples[j] = samples[j - 1];
            samples[j - 1] = t;
        }
    return samples[nr / 2];
}

void report(const char *name, unsigned int nr)
{
    print("BENCH %s %lu\n", name, median(nr) - empty_pair);
}

void report_whole(const char *name, unsigned int nr)
{
    print("BENCH %s %lu\n", name, median(nr));
}

void must(long rc, const char *what)
{
    if (rc != 0)
        print("BENCH-ERROR %s: %ld\n", what, rc);
    check(rc == 0, what, 0);
}

uint64_t measure_empty_pair(void)
{
    for (unsigned int i = 0; i < SAMPLES; i++) {
        const uint32_t from = stamp();

        samples[i] = stamp() - from;
    }
    return empty_pair = median(SAMPLES);
}
