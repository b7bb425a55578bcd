/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual memory: mappings, faults, rights. */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <sys/mman.h>

#define NR_PAGES 64u
#define STIRRED_BYTES (32ul << 20)
/* Nothing else is near: a mapping is merged with no other, and its page table comes and goes with it. */
#define LONELY   ((void *)(64ul << 30))

static char *map(unsigned int nr, int flags, int fd)
{
    char *p = mmap(LONELY, nr * PAGE_BYTES, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, fd, 0);

    MUST(p == LONELY);
    return p;
}

static char *map_anonymous(unsigned int nr)
{
    return map(nr, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void store(char *p)
{
    for (unsigned int i = 0; i < NR_PAGES; i++)
        ((volatile char *)p)[i * PAGE_BYTES] = 1;
}

static void load(char *p)
{
    for (unsigned int i = 0; i < NR_PAGES; i++)
        (void)((volatile char *)p)[i * PAGE_BYTES];
}

/* A fault a page, in a fresh mapping without page tables. */
static void faults(const char *name, int flags, int fd, void (*access)(char *))
{
    char *p = NULL;

    MEASURE_N(SAMPLES_LONG, NR_PAGES, name, if (p) munmap(p, NR_PAGES * PAGE_BYTES); p = map(NR_PAGES, flags, fd), access(p));
    if (p)
        munmap(p, NR_PAGES * PAGE_BYTES);
}

static int make_file(void)
{
    static char page[PAGE_BYTES];
    const int fd = open("/tmp/mapped", O_CREAT | O_RDWR, 0600);

    for (unsigned int i = 0; i < NR_PAGES; i++)
        MUST(write(fd, page, sizeof(page)) == sizeof(page));
    return fd;
}

static void rights(unsigned int nr, unsigned int row, const char *name)
{
    char *p = map_anonymous(NR_PAGES);

    store(p);
    MEASURE_ROW(SAMPLES, row, name, mprotect(p, nr * PAGE_BYTES, PROT_READ); mprotect(p, nr * PAGE_BYTES, PROT_READ | PROT_WRITE));
    munmap(p, NR_PAGES * PAGE_BYTES);
}

/* Whatever ran before, the allocator's lists of free pages begin alike. */
static void stir(void)
{
    char *p = mmap(NULL, STIRRED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    MUST(p != MAP_FAILED);
    munmap(p, STIRRED_BYTES);
}

void bench_mappings(void)
{
    const int fd = make_file();
    char *p;

    stir();
    MEASURE("mmap and munmap of a page", munmap(map_anonymous(1), PAGE_BYTES));
    MEASURE_ROW(SAMPLES, 16, "mmap, touch and munmap of a page", p = map_anonymous(1); *p = 1; munmap(p, PAGE_BYTES));
    MEASURE_LONG("mmap, touch and munmap of 64 pages", p = map_anonymous(NR_PAGES); store(p); munmap(p, NR_PAGES * PAGE_BYTES));
    faults("anonymous page fault, store", MAP_PRIVATE | MAP_ANONYMOUS, -1, store);
    faults("anonymous page fault, load", MAP_PRIVATE | MAP_ANONYMOUS, -1, load);
    faults("file page fault, load", MAP_SHARED, fd, load);
    faults("file page fault, store", MAP_SHARED, fd, store);
    faults("file page fault, copy on write", MAP_PRIVATE, fd, store);
    rights(1, 16, "mprotect pair of a page");
    rights(NR_PAGES, 1, "mprotect pair of 64 pages");
    close(fd);
}
