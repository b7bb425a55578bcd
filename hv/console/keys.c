/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug keys. A key may be pressed in any context; its function runs as work, with
 * interrupts enabled and no lock held. Keys are registered at boot only.
 */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lock.h>
#include <hv/softirq.h>
#include "private.h"

#define NR_KEYS   128u
#define MAX_QUEUE 32u

static struct { debug_key_fn *fn; const char *help; } keys[NR_KEYS];

static struct spinlock lock = SPINLOCK_INIT(RANK_LEAF);
static unsigned char queue[MAX_QUEUE]; /* pressed, not yet run; what does not fit is dropped */
static unsigned int nr_queued;

void debug_key_register(unsigned char key, debug_key_fn *fn, const char *help)
{
    ASSERT(key < NR_KEYS && !keys[key].fn);
    keys[key].fn = fn;
    keys[key].help = help;
}

static bool take_key(unsigned char *key)
{
    uint64_t flags = spin_lock_irqsave(&lock);
    bool found = nr_queued > 0;

    if (found) {
        *key = queue[0];
        nr_queued--;
        for (unsigned int i = 0; i < nr_queued; i++)
            queue[i] = queue[i + 1];
    }
    spin_unlock_irqrestore(&lock, flags);
    return found;
}

static void run_keys(void *arg)
{
    unsigned char key;

    while (take_key(&key))
        keys[key].fn(key);
}
static struct work key_work = { .fn = run_keys };

void debug_key_press(unsigned char key)
{
    uint64_t flags;

    if (key >= NR_KEYS || !keys[key].fn)
        return;
    flags = spin_lock_irqsave(&lock);
    if (nr_queued < MAX_QUEUE)
        queue[nr_queued++] = key;
    spin_unlock_irqrestore(&lock, flags);
    work_schedule(&key_work);
}

static void show_help(unsigned char key)
{
    log_err("'%c' pressed -> showing installed handlers\n", key);
    for (unsigned int i = 0; i < NR_KEYS; i++)
        if (keys[i].fn)
            log_err(" key '%c' (ascii '%02x') => %s\n", i > 32 && i < 127 ? (char)i : ' ', i, keys[i].help);
}

static void show_errors(unsigned char key)
{
    log_err("'%c' pressed -> where errors came from\n", key);
    errlog_dump();
}

static void reboot_machine(unsigned char key)
{
    log_err("'%c' pressed -> rebooting machine\n", key);
    machine_restart(0);
}

void keys_init(void)
{
    debug_key_register('h', show_help, "show this message");
    debug_key_register('E', show_errors, "show where errors came from");
    debug_key_register('R', reboot_machine, "reboot machine");
}
