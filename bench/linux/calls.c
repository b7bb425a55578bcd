/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls, files, signals. */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

static void files(void)
{
    char page[PAGE_BYTES] = "";
    struct stat st;
    int fd;

    MEASURE("stat", MUST(stat("/dev/null", &st) == 0));
    MEASURE("open and close", fd = open("/dev/null", O_RDONLY); MUST(fd >= 0); close(fd));
    MEASURE("create and delete a file of 0 K", fd = open("/tmp/f", O_CREAT | O_WRONLY, 0600); MUST(fd >= 0); close(fd); unlink("/tmp/f"));
    MEASURE("create and delete a file of 8 K", fd = open("/tmp/f", O_CREAT | O_WRONLY, 0600); MUST(fd >= 0);
            MUST(write(fd, page, sizeof(page)) == sizeof(page)); MUST(write(fd, page, sizeof(page)) == sizeof(page)); close(fd); unlink("/tmp/f"));
}

void bench_calls(void)
{
    const int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
    fd_set set;
    char byte = 0;

    MUST(zero >= 0 && null >= 0);
    MEASURE("null call", syscall(SYS_getppid));
    MEASURE("read of 1 byte", MUST(read(zero, &byte, 1) == 1));
    MEASURE("write of 1 byte", MUST(write(null, &byte, 1) == 1));
    MEASURE("select of 10 files", FD_ZERO(&set); for (int i = 0; i < 10; i++) FD_SET(0, &set);
            struct timeval none = { 0 }; (void)select(10, NULL, &set, NULL, &none));
    files();
    close(zero);
    close(null);
}

/* ---- signals ---- */

static void on_signal(int nr)
{
}

static char *guarded;
static volatile uint64_t fault_begin, fault_end;

/* The fault's way to here; the page becomes writable, so that the store succeeds. */
static void on_fault(int nr)
{
    fault_end = stamp();
    mprotect(guarded, PAGE_BYTES, PROT_READ | PROT_WRITE);
}

static void touch_guarded(void)
{
    fault_begin = stamp();
    *(volatile char *)guarded = 1;
}

void bench_signals(void)
{
    struct sigaction a = { .sa_handler = on_signal }, fault = { .sa_handler = on_fault };
    const pid_t self = getpid();

    MEASURE("signal install", MUST(sigaction(SIGUSR1, &a, NULL) == 0));
    MEASURE("signal handle", kill(self, SIGUSR1));
    guarded = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(guarded != MAP_FAILED);
    *guarded = 0;
    MUST(sigaction(SIGSEGV, &fault, NULL) == 0);
    if (!is_wanted("protection fault, to the handler"))
        return;
    for (unsigned int i = 0; i < SAMPLES || tracing; i++) {
        mprotect(guarded, PAGE_BYTES, PROT_READ);
        touch_guarded();
        samples[i % SAMPLES] = fault_end - fault_begin;
    }
    report("protection fault, to the handler", SAMPLES, 1);
    munmap(guarded, PAGE_BYTES);
}
