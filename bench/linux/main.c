/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first process: makes itself a console, measures, says BENCH-END. With the argument "end" it is what exec starts: it
 * ends at once; with "serve" it is who answers packets. On the kernel's command line: io=… measures devices instead
 * (io.c), compile=… a compiler (compile.c); last=poweroff ends the machine after it.
 */
#include "bench.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>

/* What dom0 has not read of a console when its guest ends is lost. */
#define SECONDS_TO_PRINT 3

uint64_t samples[SAMPLES];
bool tracing;
static uint64_t empty_pair;

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

uint64_t median(unsigned int nr)
{
    qsort(samples, nr, sizeof(*samples), by_value);
    return samples[nr / 2] - empty_pair;
}

bool is_wanted(const char *name)
{
    const char *only = getenv("bench"), *trace = getenv("trace");

    tracing = trace != NULL && strcmp(trace, name) == 0;
    if (tracing) {
        printf("TRACE\n");
        fflush(stdout);
    }
    return trace == NULL ? only == NULL || strstr(name, only) != NULL : tracing;
}

void report_value(const char *name, uint64_t value)
{
    printf("BENCH %s %lu\n", name, value);
}

void report(const char *name, unsigned int nr, unsigned int share)
{
    report_value(name, median(nr) / share);
}

static void console(void)
{
    int fd;

    (void)mkdir("/dev", 0755);
    (void)mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    (void)mkdir("/tmp", 0755);
    fd = open("/dev/console", O_RDWR);
    for (int i = 0; i < 3 && fd >= 0; i++)
        (void)dup2(fd, i);
    if (fd > 2)
        close(fd);
}

void finish(void)
{
    printf("BENCH-END\n");
    fflush(stdout);
    if (getenv("last") != NULL && strcmp(getenv("last"), "poweroff") == 0) {
        sleep(SECONDS_TO_PRINT);
        (void)reboot(RB_POWER_OFF);
    }
    for (;;)
        pause();
}

static void measure(void)
{
    if (getenv("io") != NULL) {
        bench_io();
    } else if (getenv("compile") != NULL) {
        bench_compiler();
    } else {
        bench_calls();
        bench_signals();
        bench_processes();
        bench_switches();
        bench_mappings();
    }
}

/* What the console takes late, when nothing is measured any more: a buffer for all lines. */
static char lines[16384];

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "end") == 0)
        return 0;
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        serve();
    console();
    setvbuf(stdout, lines, _IOFBF, sizeof(lines));
    for (unsigned int i = 0; i < SAMPLES; i++) {
        const uint64_t from = stamp();

        samples[i] = stamp() - from;
    }
    empty_pair = median(SAMPLES);
    measure();
    finish();
}
