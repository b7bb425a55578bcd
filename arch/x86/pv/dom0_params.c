/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options for dom0, as stock Xen's:
 *   dom0_mem=[<size>][,min:<size>][,max:<size>]   a negative size: what is free less that much;
 *                                                 without: all but 1/16, at most 128 MiB, is dom0's
 *   dom0_max_vcpus=<n> | <min>-<max> | <min>- | -<max>
 *   dom0_vcpus_pin                                 vCPU n stays on CPU n
 */
#include "dom0.h"
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>

struct amount { bool is_set, is_negative; uint64_t pages; };

static boot_data struct amount wanted, at_least, at_most;
static boot_data unsigned int min_vcpus = 1, max_vcpus = MAX_VCPUS_PER_DOMAIN;
static boot_data bool vcpus_are_set;
static bool pin_vcpus;

/* Reads one size; returns what follows it, NULL if there is none. */
static boot_code const char *parse_amount(const char *s, struct amount *a)
{
    const char *end = s;
    const bool is_negative = *s == '-';

    if (is_negative)
        s++;
    const uint64_t bytes = param_parse_size(s, &end);

    if (end == s)
        return NULL;
    *a = (struct amount){ .is_set = true, .is_negative = is_negative, .pages = bytes >> PAGE_SHIFT };
    return end;
}

static boot_code int parse_mem(const char *s)
{
    while (s != NULL && *s != '\0') {
        if (strncmp(s, "min:", 4) == 0)
            s = parse_amount(s + 4, &at_least);
        else if (strncmp(s, "max:", 4) == 0)
            s = parse_amount(s + 4, &at_most);
        else
            s = parse_amount(s, &wanted);
        if (s != NULL && *s == ',')
            s++;
        else if (s != NULL && *s != '\0')
            return ERR(EINVAL);
    }
    return s ? 0 : ERR(EINVAL);
}

static boot_code unsigned int parse_count(const char *s, const char **end)
{
    return (unsigned int)min(parse_u64(s, end, 0), (uint64_t)MAX_VCPUS_PER_DOMAIN);
}

static boot_code int parse_max_vcpus(const char *s)
{
    const char *end = s;
    unsigned int low = 1, high = MAX_VCPUS_PER_DOMAIN;

    if (*s != '-') {
        low = high = parse_count(s, &end);
        if (end == s)
            return ERR(EINVAL);
    }
    if (*end == '-') {
        s = ++end;
        high = *s ? parse_count(s, &end) : MAX_VCPUS_PER_DOMAIN;
    }
    if (*end != '\0' || low == 0 || high < low)
        return ERR(EINVAL);
    vcpus_are_set = true;
    min_vcpus = low;
    max_vcpus = high;
    return 0;
}

BOOT_PARAM_CUSTOM(dom0_mem, "dom0_mem", parse_mem);
BOOT_PARAM_CUSTOM(dom0_max_vcpus, "dom0_max_vcpus", parse_max_vcpus);
BOOT_PARAM_BOOL(dom0_vcpus_pin, "dom0_vcpus_pin", pin_vcpus);

static boot_code uint64_t resolve(const struct amount *a, uint64_t available)
{
    if (!a->is_negative)
        return a->pages;
    return a->pages < available ? available - a->pages : 0;
}

/* The hypervisor keeps some for what dom0 will have it do. */
static boot_code uint64_t within_reach(uint64_t wanted_pages, uint64_t available)
{
    const uint64_t limit = available - min(available / 16, (16ULL << 20) >> PAGE_SHIFT);

    if (wanted_pages <= limit)
        return wanted_pages;
    log_warn("dom0_mem= asks for %lu MiB, but only %lu MiB are free: dom0 gets these\n", wanted_pages >> 8, limit >> 8);
    return limit;
}

boot_code uint64_t dom0_param_pages(uint64_t available)
{
    const struct amount usual = { true, true, min(available / 16, (128ULL << 20) >> PAGE_SHIFT) };
    uint64_t n = resolve(wanted.is_set && wanted.pages != 0 ? &wanted : &usual, available);

    if (at_least.is_set)
        n = max(n, resolve(&at_least, available));
    if (at_most.is_set)
        n = min(n, resolve(&at_most, available));
    return within_reach(n, available);
}

boot_code uint64_t dom0_param_max_pages(void)
{
    return at_most.is_set && !at_most.is_negative ? min(at_most.pages, (uint64_t)UINT32_MAX) : UINT32_MAX;
}

boot_code unsigned int dom0_param_vcpus(unsigned int nr_cpus)
{
    const unsigned int n = min(max(nr_cpus, min_vcpus), max_vcpus);

    return vcpus_are_set ? n : min(nr_cpus, MAX_VCPUS_PER_DOMAIN);
}

boot_code bool dom0_param_pin_vcpus(void)
{
    return pin_vcpus;
}
