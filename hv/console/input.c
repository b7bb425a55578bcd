/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Typed characters. They are debug keys, or go to the hardware domain; three switch
 * characters (conswitch=, CTRL-a) in a row change over. `lock` guards everything here.
 */
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/lock.h>
#include <hv/param.h>
#include <xen/xen.h>
#include "private.h"

#define TYPED_SIZE     256u
#define SWITCH_PRESSES 3u

static char switch_letter = 'a';    /* '\0': no switching */
static bool stay_at_boot;           /* conswitch=ax: input stays with the hypervisor after start-up */

static struct spinlock lock = SPINLOCK_INIT(RANK_LEAF);
static bool to_domain;
static unsigned int presses;        /* switch characters held back */
static char typed[TYPED_SIZE];      /* for the domain; what does not fit is dropped */
static unsigned int nr_typed, first_typed;

static int parse_conswitch(const char *s)
{
    if (*s && (*s < 'a' || *s > 'z'))
        return ERR(EINVAL);
    switch_letter = *s;
    stay_at_boot = *s && s[1] == 'x';
    return 0;
}
BOOT_PARAM_CUSTOM(conswitch, "conswitch", parse_conswitch);

static void announce(bool domain)
{
    if (switch_letter)
        log_err("*** Serial input to %s (type 'CTRL-%c' three times to switch input)\n",
                domain ? "DOM0" : "Xen", switch_letter);
}

static void keep(char c)
{
    if (nr_typed < TYPED_SIZE)
        typed[(first_typed + nr_typed++) % TYPED_SIZE] = c;
}

/* What became of a character. */
enum outcome { HELD, SWITCHED, FOR_DOMAIN, FOR_US };

static enum outcome sort_out(char c)
{
    char switch_code = (char)(switch_letter - 'a' + 1);

    if (switch_letter && c == switch_code) {
        if (++presses < SWITCH_PRESSES)
            return HELD;
        presses = 0;
        to_domain = !to_domain;
        return SWITCHED;
    }
    for (; presses; presses--)
        if (to_domain)
            keep(switch_code);
    if (!to_domain)
        return FOR_US;
    keep(c);
    return FOR_DOMAIN;
}

void console_input(char c)
{
    uint64_t flags = spin_lock_irqsave(&lock);
    enum outcome outcome = sort_out(c);
    bool domain = to_domain;

    spin_unlock_irqrestore(&lock, flags);
    if (outcome == SWITCHED)
        announce(domain);
    else if (outcome == FOR_DOMAIN)
        event_send_global_virq(VIRQ_CONSOLE);
    else if (outcome == FOR_US)
        debug_key_press((unsigned char)c);
}

size_t input_take(char *buf, size_t size)
{
    uint64_t flags = spin_lock_irqsave(&lock);
    size_t n = 0;

    for (; n < size && nr_typed; n++, nr_typed--) {
        buf[n] = typed[first_typed];
        first_typed = (first_typed + 1) % TYPED_SIZE;
    }
    spin_unlock_irqrestore(&lock, flags);
    return n;
}

void input_end_boot(void)
{
    uint64_t flags = spin_lock_irqsave(&lock);

    to_domain = !stay_at_boot;
    spin_unlock_irqrestore(&lock, flags);
    announce(!stay_at_boot);
}
