/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Among the files of this folder: machine and options in, settings out. */
#ifndef SPEC_H
#define SPEC_H

#include <arch/cpu_policy.h>

/* What a CPU lets through; which protection answers it is in docs/side-channels.md. */
enum spec_bug {
    BUG_L1TF = 1 << 0, BUG_MDS = 1 << 1, BUG_TAA = 1 << 2, BUG_RFDS = 1 << 3, BUG_TSA = 1 << 4,
    BUG_RETPOLINE = 1 << 5, /* a return may be predicted like an indirect branch */
    BUG_BTC = 1 << 6, BUG_SRSO = 1 << 7, BUG_BHI = 1 << 8, BUG_GDS = 1 << 9, BUG_DIV = 1 << 10,
    BUG_ITS = 1 << 11, /* branches in the lower half of a cache line are predicted badly */
    BUG_MELTDOWN = 1 << 14, /* ring 3 reads, ahead of the fault, what is mapped for the hypervisor */
};

struct spec_machine {
    enum cpu_vendor vendor;
    unsigned int family, model, stepping, phys_bits;
    bool smep, virtual;                  /* virtual: a hypervisor is below us */
    bool threads, tsx_locked;            /* cores have several; the firmware has TSX off for good */
    uint64_t memory_end;                 /* of all RAM */
    uint32_t words[CPU_FEATURE_WORDS];   /* words 16 and 17: MSR_ARCH_CAPABILITIES */
};

static inline bool spec_has(const struct spec_machine *m, unsigned int feature)
{
    return m->words[feature / 32] >> (feature % 32) & 1;
}

enum spec_thunk { THUNK_RETPOLINE, THUNK_LFENCE, THUNK_JMP };
enum spec_bhb { BHB_SHORT, BHB_LONG };

/* As given; -1: not. */
struct spec_options {
    int8_t xen, thunk, bhb_seq;
    int8_t msr_sc, rsb, verw, ibpb_entry, bhb_entry;    /* of PV guests */
    int8_t ibrs, stibp, ssbd, psfd, ibpb, bhi_dis_s, bp_spec_reduce, gds_mit, div_scrub, srb_lock, unpriv_mmio, branch_harden, lock_harden;
    int8_t off;                                         /* "no" was among the items */
    int8_t tsx;                                         /* tsx= */
    int8_t ignored;                                     /* what has no counterpart here */
    int8_t xpti_dom0, xpti_domu, l1tf_dom0, l1tf_domu;  /* xpti=, pv-l1tf= */
};
#define SPEC_OPTIONS_DEFAULT ((struct spec_options){                                                         \
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,                          \
    -1, -1, -1, -1 })

struct spec_settings {
    uint32_t bugs;
    enum spec_thunk thunk;
    enum spec_bhb bhb_seq;
    uint32_t own_msr;                    /* MSR_SPEC_CTRL while the hypervisor runs */
    bool ibrs, stibp, ssbd, psfd, bhi_dis_s, auto_ibrs, bp_spec_reduce;
    bool msr_pv, rsb, verw, ibpb_switch, div;
    bool ibpb_entry_dom0, ibpb_entry_domu, bhb_entry_dom0, bhb_entry_domu;
    bool gds_by_msr, gds_by_avx, srb_lock;
    bool branch_harden, lock_harden;
    bool tsx_off;                        /* transactions abort, and are not shown */
    bool xpti_dom0, xpti_domu, l1tf_dom0, l1tf_domu;
    unsigned int l1d_bits;               /* of an address, that the first-level cache looks at */
    uint64_t l1tf_safe;                  /* nothing that may be cached is at this address or above */
};

extern struct spec_options spec_options;
extern struct spec_machine spec_machine;
extern struct spec_settings spec_settings;

uint32_t spec_bugs(const struct spec_machine *m);
void spec_choose(const struct spec_machine *m, const struct spec_options *o, struct spec_settings *s);
/* spec-ctrl='s value. 0, or -EINVAL: some item is not known; the others count. */
int spec_parse(const char *list, struct spec_options *o) must_check;
/* The same of xpti= and pv-l1tf=. */
int spec_parse_xpti(const char *list, struct spec_options *o) must_check;
int spec_parse_l1tf(const char *list, struct spec_options *o) must_check;
/* tables.c: what becomes of page tables. s->bugs is known. */
void spec_choose_tables(const struct spec_machine *m, const struct spec_options *o, struct spec_settings *s);
/* L1TF: would the CPU look a not-present entry of that level up in its cache, and find something there? */
bool spec_l1tf_vulnerable(const struct spec_settings *s, unsigned int level, uint64_t entry);

/* tsx.c: what hides it shown in m->words; after the choice, the registers of this CPU. */
void tsx_read_machine(struct spec_machine *m);
void tsx_init_cpu(void);
/* Whether there is a switch at all. */
static inline bool tsx_has_switch(const struct spec_machine *m)
{
    return spec_has(m, XEN_X86_FEATURE_TSX_CTRL) || spec_has(m, XEN_X86_FEATURE_TSX_FORCE_ABORT);
}

#endif
