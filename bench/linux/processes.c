/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: fork, exec, a shell, and switching between them over pipes. */
#define _GNU_SOURCE
#include "bench.h"
#include <string.h>
#include <sys/mman.h>
#include <signal.h>
#include <sys/wait.h>

#define MAX_PROCESSES 16
#define SELF "/init"
#define SAMPLES_ROW 9u
#define ROW         8u

static void wait_for(pid_t child)
{
    int status;

    MUST(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fork_once(void)
{
    const pid_t child = fork();

    if (child == 0)
        _exit(0);
    wait_for(child);
}

static void fork_and_exec(const char *program, char *const argv[])
{
    const pid_t child = fork();

    if (child == 0) {
        execv(program, argv);
        _exit(1);
    }
    wait_for(child);
}

static __attribute__((noinline)) void vfork_and_exec(const char *program, char *const argv[])
{
    const pid_t child = vfork();

    if (child == 0) {
        execv(program, argv);
        _exit(1);
    }
    wait_for(child);
}

void bench_processes(void)
{
    static char *const self[] = { SELF, "end", NULL }, *const shell[] = { "sh", "-c", SELF " end", NULL };

    MEASURE_LONG("fork, exit and wait", fork_once());
    MEASURE_LONG("fork, exec, exit and wait", fork_and_exec(SELF, self));
    MEASURE_LONG("vfork, exec, exit and wait", vfork_and_exec(SELF, self));
    if (access("/bin/sh", X_OK) == 0)
        MEASURE_ROW(SAMPLES_ROW, ROW, "sh -c, exit and wait", fork_and_exec("/bin/sh", shell));

    char *resident = mmap(NULL, 8u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    MUST(resident != MAP_FAILED);
    MEASURE_ROW(SAMPLES_ROW, ROW, "fork, exit and wait, 8 MiB resident", fork_once());
    munmap(resident, 8u << 20);
}

/* ---- switching ---- */

/* A token goes round: process i waits for it on pipe i, works, hands it on to pipe i + 1. */
struct ring {
    int pipes[MAX_PROCESSES][2];
    pid_t children[MAX_PROCESSES];
    unsigned int nr;
    size_t bytes;
    uint64_t *data;
};

static void work(const struct ring *r)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < r->bytes / sizeof(*r->data); i++)
        sum += r->data[i];
    __asm__ volatile("" :: "r"(sum));
}

static bool pass(const struct ring *r, unsigned int from, unsigned int to)
{
    char token;

    if (read(r->pipes[from][0], &token, 1) != 1)
        return false;
    work(r);
    return write(r->pipes[to][1], &token, 1) == 1;
}

static void data_alloc(struct ring *r)
{
    r->data = malloc(r->bytes + 1);
    MUST(r->data);
    memset(r->data, 1, r->bytes);
}

static void player(struct ring *r, unsigned int i)
{
    data_alloc(r);
    while (pass(r, i, (i + 1) % r->nr))
        ;
    _exit(0);
}

static void ring_start(struct ring *r)
{
    for (unsigned int i = 0; i < r->nr; i++)
        MUST(pipe(r->pipes[i]) == 0);
    for (unsigned int i = 1; i < r->nr; i++) {
        r->children[i] = fork();
        if (r->children[i] == 0)
            player(r, i);
    }
    data_alloc(r);
}

static void ring_stop(struct ring *r)
{
    for (unsigned int i = 1; i < r->nr; i++) {
        MUST(kill(r->children[i], 9) == 0);
        MUST(waitpid(r->children[i], NULL, 0) == r->children[i]);
    }
    for (unsigned int i = 0; i < r->nr; i++) {
        close(r->pipes[i][0]);
        close(r->pipes[i][1]);
    }
    free(r->data);
}

/* Round and round; every round has nr switches. */
static void turn(struct ring *r)
{
    char token = 0;

    MUST(write(r->pipes[1][1], &token, 1) == 1);
    MUST(read(r->pipes[0][0], &token, 1) == 1);
    work(r);
}

/* Pipe and work alone, by one process: what is not the switch. */
static uint64_t overhead(struct ring *r)
{
    char token = 0;

    for (unsigned int i = 0; i < SAMPLES; i++) {
        const uint64_t from = stamp();

        MUST(write(r->pipes[0][1], &token, 1) == 1);
        MUST(read(r->pipes[0][0], &token, 1) == 1);
        work(r);
        samples[i] = stamp() - from;
    }
    return median(SAMPLES);
}

static void context_switch(const char *name, unsigned int nr, size_t bytes)
{
    struct ring r = { .nr = nr, .bytes = bytes };

    if (!is_wanted(name))
        return;
    ring_start(&r);
    turn(&r);
    const uint64_t rest = overhead(&r);
    for (unsigned int i = 0; i < SAMPLES || tracing; i++) {
        const uint64_t from = stamp();

        turn(&r);
        samples[i % SAMPLES] = stamp() - from;
    }
    report_value(name, median(SAMPLES) / nr - rest);
    ring_stop(&r);
}

static void round_trip(void)
{
    struct ring r = { .nr = 2 };

    ring_start(&r);
    MEASURE("pipe round trip", turn(&r));
    ring_stop(&r);
}

void bench_switches(void)
{
    static const struct { const char *name; unsigned int nr, kilobytes; } cases[] = {
        { "context switch 2p/0K", 2, 0 }, { "context switch 2p/16K", 2, 16 }, { "context switch 2p/64K", 2, 64 },
        { "context switch 8p/16K", 8, 16 }, { "context switch 8p/64K", 8, 64 },
        { "context switch 16p/16K", 16, 16 }, { "context switch 16p/64K", 16, 64 },
    };

    round_trip();
    for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        context_switch(cases[i].name, cases[i].nr, cases[i].kilobytes * 1024u);
}
