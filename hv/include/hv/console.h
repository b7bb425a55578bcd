/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Console ring, sinks (serial, VGA), dom0's and guests' console_io, debug keys. */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include <hv/compiler.h>

/* A place where console output goes. Rows are registered by drivers at boot. */
struct console_sink {
    const char *name;                        /* as in console=: "com1", "vga" */
    void (*write)(const char *s, size_t n);  /* any context, console lock held */
    void (*drain)(void);                     /* panic: write what is still buffered; may be NULL */
    bool enabled;
    struct console_sink *next;
};
void console_sink_register(struct console_sink *sink);
/* Is the name in console= or, without the option, in stock Xen's default? */
bool console_is_chosen(const char *name);
/* Lets the sinks go on with what they buffered (drivers' timers). Takes the console lock. */
void console_flush(void);
void console_init_early(void);   /* serial from the command line, before memory is set up */
void console_init(void);         /* ring in the heap, console= chosen sinks, input */
void console_init_input(void);   /* once irq_request() and timers work: serial input, deferred output */
void console_input(char c);      /* a character came in on a sink: CTRL-a switches to dom0 and back. Any context */
void console_force_sync(void);   /* panic: unlocked, synchronous */
void console_end_vga(void);      /* dom0 takes over VGA unless vga=keep */
/* dom0 is built and about to run: says so, input goes to it (conswitch=), console_end_vga(). */
void console_end_boot(void);
/* sysctl readconsole: copies from the ring; *idx and *n in/out. */
struct xen_sysctl_readconsole;
int console_read_ring(struct xen_sysctl_readconsole *op) must_check;

/* Part of struct domain: the unfinished line that it writes with CONSOLEIO_write. Console lock. All zero at first. */
struct console_line {
    unsigned int length;
    char text[128];
};

/* Debug keys: registered by modules, run by CTRL-a x3 + key, or xl debug-keys. */
typedef void debug_key_fn(unsigned char key);
void debug_key_register(unsigned char key, debug_key_fn *fn, const char *help);
void debug_key_press(unsigned char key);

#endif
