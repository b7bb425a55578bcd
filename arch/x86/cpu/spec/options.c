/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec-ctrl=: a list of booleans, some of them with pv= and hvm= below them, and two choices; xpti=, pv-l1tf=. Pure. */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include "spec.h"

#define MAX_ITEM 64u

/* What an item sets; per_guest: PV's and HVM's can be given apart, and `pv` and `hvm` are all of them. */
struct item { const char *name; uint16_t offset; bool per_guest; };
#define ITEM(name, field, per_guest) { name, offsetof(struct spec_options, field), per_guest }
static const struct item items[] = {
    ITEM("msr-sc", msr_sc, true), ITEM("rsb", rsb, true), ITEM("verw", verw, true), ITEM("md-clear", verw, true),
    ITEM("ibpb-entry", ibpb_entry, true), ITEM("bhb-entry", bhb_entry, true),
    ITEM("ibrs", ibrs, false), ITEM("stibp", stibp, false), ITEM("ssbd", ssbd, false), ITEM("psfd", psfd, false),
    ITEM("ibpb", ibpb, false), ITEM("bhi-dis-s", bhi_dis_s, false), ITEM("bp-spec-reduce", bp_spec_reduce, false),
    ITEM("gds-mit", gds_mit, false), ITEM("div-scrub", div_scrub, false), ITEM("srb-lock", srb_lock, false),
    ITEM("unpriv-mmio", unpriv_mmio, false), ITEM("branch-harden", branch_harden, false), ITEM("lock-harden", lock_harden, false),
    /* Always so (the FPU), or for hardware-assisted guests only. */
    ITEM("eager-fpu", ignored, false), ITEM("l1d-flush", ignored, false), ITEM("hvm", ignored, false),
};

/* "name", "no-name", "name=bool": 1 or 0; -1: something else. */
static int truth_of(const char *item, const char *name)
{
    const bool negated = strncmp(item, "no-", 3) == 0;
    const size_t n = strlen(name);

    item += negated ? 3 : 0;
    if (strncmp(item, name, n) != 0)
        return -1;
    if (item[n] == '\0')
        return !negated;
    return item[n] == '=' && !negated ? max(param_parse_bool(item + n + 1), -1) : -1;
}

static int8_t *field(struct spec_options *o, const struct item *i)
{
    return (int8_t *)o + i->offset;
}

static void set_pv(struct spec_options *o, int truth)
{
    for (unsigned int i = 0; i < array_size(items); i++)
        if (items[i].per_guest)
            *field(o, &items[i]) = (int8_t)truth;
}

/* "rsb=pv=no", "rsb=no-hvm" and the like. */
static bool parse_per_guest(const char *text, const struct item *i, struct spec_options *o)
{
    const size_t n = strlen(i->name);

    if (!i->per_guest || strncmp(text, i->name, n) != 0 || text[n] != '=')
        return false;
    const int pv = truth_of(text + n + 1, "pv");

    if (pv >= 0)
        *field(o, i) = (int8_t)pv;
    return pv >= 0 || truth_of(text + n + 1, "hvm") >= 0;
}

static bool parse_choice(const char *text, const char *name, const char *const values[], unsigned int nr, int8_t *to)
{
    const size_t n = strlen(name);

    if (strncmp(text, name, n) != 0)
        return false;
    for (unsigned int i = 0; i < nr; i++)
        if (strcmp(text + n, values[i]) == 0) {
            *to = (int8_t)i;
            return true;
        }
    return false;
}

/* All off, what guests may use too. Other options' defaults follow (docs/side-channels.md). */
static void all_off(struct spec_options *o)
{
    const struct spec_options given = *o;

    memset(o, 0, sizeof(*o));
    o->thunk = THUNK_JMP;
    o->bhb_seq = given.bhb_seq;
    o->tsx = given.tsx;
    o->off = 1;
    /* Their own options have the last word, wherever they stand. */
    o->xpti_dom0 = given.xpti_dom0 > 0;
    o->xpti_domu = given.xpti_domu > 0;
    o->l1tf_dom0 = given.l1tf_dom0 > 0;
    o->l1tf_domu = given.l1tf_domu > 0;
}

static bool parse_item(const char *text, struct spec_options *o)
{
    static const char *const thunks[] = { "retpoline", "lfence", "jmp" }, *const sequences[] = { "short", "long" };
    const int xen = truth_of(text, "xen"), pv = truth_of(text, "pv");

    if (param_parse_bool(text) == 0) {
        all_off(o);
        return true;
    }
    if (xen >= 0) {
        o->xen = xen == 0 ? 0 : o->xen;
        return xen == 0; /* ABI: it cannot be said the other way */
    }
    if (pv >= 0) {
        set_pv(o, pv);
        return true;
    }
    for (unsigned int i = 0; i < array_size(items); i++) {
        const int truth = truth_of(text, items[i].name);

        if (truth >= 0)
            *field(o, &items[i]) = (int8_t)truth;
        if (truth >= 0 || parse_per_guest(text, &items[i], o))
            return true;
    }
    return parse_choice(text, "bti-thunk=", thunks, array_size(thunks), &o->thunk) ||
           parse_choice(text, "bhb-seq=", sequences, array_size(sequences), &o->bhb_seq);
}

/* Both kinds of domains at once, or one of them; default: as if nothing was said. */
static bool parse_domains(const char *text, int8_t *dom0, int8_t *domu)
{
    const int all = param_parse_bool(text), first = truth_of(text, "dom0"), others = truth_of(text, "domu");

    if (all >= 0)
        *dom0 = *domu = (int8_t)all;
    if (first >= 0)
        *dom0 = (int8_t)first;
    if (others >= 0)
        *domu = (int8_t)others;
    return all >= 0 || first >= 0 || others >= 0;
}

static bool parse_xpti_item(const char *text, struct spec_options *o)
{
    if (strcmp(text, "default") != 0)
        return parse_domains(text, &o->xpti_dom0, &o->xpti_domu);
    o->xpti_dom0 = o->xpti_domu = -1;
    return true;
}

static bool parse_l1tf_item(const char *text, struct spec_options *o)
{
    return parse_domains(text, &o->l1tf_dom0, &o->l1tf_domu);
}

static int parse_list(const char *list, struct spec_options *o, bool (*parse)(const char *text, struct spec_options *o))
{
    int rc = 0;

    while (*list != '\0') {
        const char *comma = strchr(list, ',');
        const size_t n = comma ? (size_t)(comma - list) : strlen(list);
        char text[MAX_ITEM];

        strlcpy(text, list, min(n + 1, sizeof(text)));
        if (n >= sizeof(text) || !parse(text, o))
            rc = ERR(EINVAL);
        list += n + (comma != NULL);
    }
    return rc;
}

int spec_parse(const char *list, struct spec_options *o) { return parse_list(list, o, parse_item); }
int spec_parse_xpti(const char *list, struct spec_options *o) { return parse_list(*list ? list : "yes", o, parse_xpti_item); }
int spec_parse_l1tf(const char *list, struct spec_options *o) { return parse_list(*list ? list : "yes", o, parse_l1tf_item); }
