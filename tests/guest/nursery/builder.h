/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV domain, made by domctls alone from an ELF image, and its end. The nursery's and the benchmarks'.
 * Steps in their order: create, populate, load, start info, tables, context, unpause; one may stop anywhere.
 */
#ifndef BUILDER_H
#define BUILDER_H

#include "../lib/guest.h"
#include <xen/domctl.h>
#include <xen/io/console.h>

#define MAPPED_PAGES 4096u       /* that a domain sees at first, fewer if it has fewer */

struct built {
    domid_t id;                  /* 0: not there */
    unsigned int nr_pages;       /* a multiple of 512 */
    unsigned int nr_vcpus, max_grant_frames, max_maptrack_frames;
    const char *cmd_line;
    evtchn_port_t store_port, console_port; /* its ends */
    xen_pfn_t *p2m;              /* room for nr_pages */
};

extern struct xen_domctl ctl;    /* argument and result of domctl() */
long domctl(const struct built *d, uint32_t cmd);
uint32_t built_flags(const struct built *d);

/* Time that the hypercalls of all steps took, in ticks of the TSC: what lies between them is the builder's own. */
extern uint64_t build_ticks;

/* Once, before anything else. */
void builder_init(void);
/* The domain, its vCPUs and its limit; false if it does not come into being. */
bool built_create(struct built *d);
/* In extents of 2^order pages. */
void built_populate(struct built *d, unsigned int order);
/* The entry point. */
uint64_t built_load(struct built *d, const void *image);
/* Also the shared info, and both channels. */
void built_write_start_info(struct built *d);
void built_make_tables(struct built *d);
void built_set_context(struct built *d, uint64_t entry);
/* Whatever state it is in. Nobody else must have any of its pages mapped. */
void built_destroy(struct built *d);
/* Until nothing is left of it. */
void built_await_end(struct built *d);

/* The frames of its console and its store page. */
xen_pfn_t built_console_pfn(const struct built *d);
xen_pfn_t built_store_pfn(const struct built *d);
/* Makes a page of the domain's visible at `at`. */
bool show_frame(struct built *d, void *at, xen_pfn_t pfn);

/* What a domain writes on its console, line by line. */
struct console {
    struct xencons_interface *ring;
    char line[200];
    unsigned int n;
};
/* True: the next whole line is in `line`. */
bool console_line(struct console *c);

/* "name" with what came before, then a number: for command lines. Both return where they ended. */
char *append(char *p, const char *s);
char *append_number(char *p, uint64_t v);

#endif
