/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The search: depth first over states, each a copy of the program's data and of the stacks of its CPUs, which
 * are coroutines of one thread. Not instrumented. All of its own data is behind `e`, outside of the state.
 */
#define _GNU_SOURCE
#include "explore.h"
#include <signal.h>
#include <unistd.h>
#include <arch/cpu.h>
#include <arch/percpu.h>

#define MAX_RANGES  64u
#define LINE        64u
#define BLOCK       4096u
#define ALL_BLOCKS_STATES 20000u /* so long the search learns what changes */
#define MAX_STATES  4000000u
#define MAX_DEPTH   4000u
#define TABLE_SIZE  (1u << 23)

struct range { char *start, *end; };
struct coroutine { char *sp; bool done, irqs; const void *pc; };
struct hash { uint64_t a, b; };
struct state { struct hash hash; uint32_t parent; uint32_t pc; uint8_t by; bool ends; };
struct edge { uint32_t from, to; };
struct saved { char *data; uint32_t id; uint8_t next; };

static struct explorer {
    const struct explore_model *model;
    struct range shared[MAX_RANGES];
    unsigned int nr_shared;
    struct coroutine cpu[EXPLORE_CPUS];
    char *stack[EXPLORE_CPUS];
    char *own_sp;                   /* the search's, while a CPU runs */
    int running;                    /* CPU, or -1 */
    char failure[256];
    size_t bytes;                   /* of the program's data */
    char *pristine, *first;         /* data before setup, and after it */
    uint32_t *changed;              /* lines that are not as in `first` now */
    uint32_t nr_changed;
    bool *is_hot;                   /* blocks that change; the others are looked at now and then */
    bool found_hot;                 /* one more than was thought: from the beginning */
    bool thorough;
    uint64_t nr_looks;
    struct state *states;
    uint32_t *table;
    uint32_t nr_states;
    struct edge *edges;
    size_t nr_edges, max_edges;
    struct saved *path;
} *e;

extern char __data_start[], _end[];

/* ---- the heap: in the program's data, so part of the state ---- */

#define ARENA_BYTES (512u * 1024)
#define MAX_FREED   16u

static char arena[ARENA_BYTES] __attribute__((__aligned__(4096)));
static size_t arena_used;
static struct range freed[MAX_FREED];
static unsigned int nr_freed;

int model_posix_memalign(void **p, size_t align, size_t bytes)
{
    size_t *header = (size_t *)(arena + round_up(arena_used + sizeof(size_t), align)) - 1;

    if ((char *)(header + 1) + bytes > arena + ARENA_BYTES)
        return 1;
    *header = bytes;
    *p = header + 1;
    arena_used = (size_t)((char *)*p + bytes - arena);
    return 0;
}

void *model_aligned_alloc(size_t align, size_t bytes)
{
    void *p;

    return model_posix_memalign(&p, align, bytes) == 0 ? p : NULL;
}

void *model_calloc(size_t n, size_t bytes)
{
    return model_aligned_alloc(16, n * bytes); /* nothing is used twice */
}

void model_free(void *p)
{
    if (p == NULL)
        return;
    if (nr_freed == MAX_FREED)
        explore_fail("too much is freed for this model");
    else
        freed[nr_freed++] = (struct range){ p, (char *)p + ((size_t *)p)[-1] };
}

/* ---- coroutines ---- */

void explore_switch(char **save, char *load);
__asm__(".globl explore_switch\nexplore_switch:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "mov %rsp, (%rdi); mov %rsi, %rsp\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n");

static void leave(void)
{
    explore_switch(&e->cpu[e->running].sp, e->own_sp);
}

static void body(void)
{
    e->model->cpus[e->running].run();
    e->cpu[e->running].done = true;
    leave();
}

static void prepare_stack(unsigned int i)
{
    char *top = e->stack[i] + STACK_BYTES;
    void **frame = (void **)(top - 64);

    memset(e->stack[i], 0, STACK_BYTES);
    frame[6] = (void *)body; /* popped by ret, above six registers; leaves the stack as after a call */
    e->cpu[i] = (struct coroutine){ .sp = (char *)frame, .irqs = true, .done = e->model->cpus[i].run == NULL };
}

/* CPU i until its next point. */
static void step(unsigned int i)
{
    e->running = (int)i;
    host_test_cpu = i;
    host_test_irqs = e->cpu[i].irqs;
    host_test_current = e->model->cpus[i].vcpu;
    explore_switch(&e->own_sp, e->cpu[i].sp);
    e->cpu[i].irqs = host_test_irqs;
    e->running = -1;
    if (e->model->settle)
        e->model->settle();
}

static bool is_in(const struct range *r, unsigned int nr, const volatile void *p)
{
    for (unsigned int i = 0; i < nr; i++)
        if ((const volatile char *)p >= r[i].start && (const volatile char *)p < r[i].end)
            return true;
    return false;
}

static void point(const void *pc)
{
    e->cpu[e->running].pc = pc;
    leave();
}

void explore_access(const volatile void *p, const void *pc)
{
    if (e == NULL || e->running < 0)
        return;
    if (is_in(e->shared, e->nr_shared, p))
        point(pc);
    if (is_in(freed, nr_freed, p))
        explore_fail("memory is used that was freed");
}

void explore_point(void)
{
    if (e->running >= 0)
        point(__builtin_return_address(0));
}

static void record_failure(const char *fmt, va_list ap)
{
    if (e->failure[0] == 0)
        vsnprintf(e->failure, sizeof(e->failure), fmt, ap);
    if (e->running >= 0)
        leave(); /* for good */
}

void explore_fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    record_failure(fmt, ap);
    va_end(ap);
}

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    record_failure(fmt, ap);
    abort();
}

/* ---- what a state is ---- */

void explore_share(const void *p, size_t bytes)
{
    assert_true(e->nr_shared < MAX_RANGES);
    e->shared[e->nr_shared++] = (struct range){ (char *)p, (char *)p + bytes };
}

static char *line_at(uint32_t n) { return __data_start + (size_t)n * LINE; }
static size_t line_bytes(uint32_t n) { return min((size_t)LINE, e->bytes - (size_t)n * LINE); }
/* A CPU that is done has none. */
static size_t stack_bytes(unsigned int i) { return e->cpu[i].done ? 0 : (size_t)(e->stack[i] + STACK_BYTES - e->cpu[i].sp); }

/* Most of the data never changes: a state is what differs from the first one. */
static void find_changes_in(size_t at, size_t end)
{
    for (uint32_t n = (uint32_t)(at / LINE); n * (size_t)LINE < end; n++)
        if (memcmp(line_at(n), e->first + (size_t)n * LINE, line_bytes(n)) != 0)
            e->changed[e->nr_changed++] = n;
}

static void find_changes(bool everywhere)
{
    e->nr_changed = 0;
    everywhere |= e->nr_states < ALL_BLOCKS_STATES || e->nr_looks++ % 64 == 0;
    for (size_t block = 0; block * BLOCK < e->bytes; block++) {
        const size_t at = block * BLOCK, end = min(e->bytes, at + BLOCK);

        if (!e->is_hot[block] && everywhere && memcmp(__data_start + at, e->first + at, end - at) != 0)
            e->is_hot[block] = e->found_hot = true;
        if (e->is_hot[block])
            find_changes_in(at, end);
    }
}

/* After find_changes. */
static char *save(void)
{
    size_t total = sizeof(e->cpu) + sizeof(e->nr_changed) + e->nr_changed * (sizeof(uint32_t) + LINE);
    char *copy, *at;

    for (unsigned int i = 0; i < EXPLORE_CPUS; i++)
        total += stack_bytes(i);
    at = copy = malloc(total);
    at = mempcpy(at, e->cpu, sizeof(e->cpu));
    at = mempcpy(at, &e->nr_changed, sizeof(e->nr_changed));
    at = mempcpy(at, e->changed, e->nr_changed * sizeof(uint32_t));
    for (uint32_t i = 0; i < e->nr_changed; i++)
        at = mempcpy(at, line_at(e->changed[i]), line_bytes(e->changed[i]));
    for (unsigned int i = 0; i < EXPLORE_CPUS; i++)
        at = mempcpy(at, e->cpu[i].sp, stack_bytes(i));
    return copy;
}

/* What find_changes last found is undone. */
static const char *take(void *to, const char *from, size_t n)
{
    memcpy(to, from, n);
    return from + n;
}

static void restore(const char *from)
{
    for (uint32_t i = 0; i < e->nr_changed; i++)
        memcpy(line_at(e->changed[i]), e->first + (size_t)e->changed[i] * LINE, line_bytes(e->changed[i]));
    from = take(e->cpu, from, sizeof(e->cpu));
    from = take(&e->nr_changed, from, sizeof(e->nr_changed));
    from = take(e->changed, from, e->nr_changed * sizeof(uint32_t));
    for (uint32_t i = 0; i < e->nr_changed; i++)
        from = take(line_at(e->changed[i]), from, line_bytes(e->changed[i]));
    for (unsigned int i = 0; i < EXPLORE_CPUS; i++)
        from = take(e->cpu[i].sp, from, stack_bytes(i));
}

static inline void mix(struct hash *h, uint64_t w)
{
    h->a = (h->a ^ w) * 0x9e3779b97f4a7c15ULL;
    h->a ^= h->a >> 29;
    h->b = (h->b + w) * 0xff51afd7ed558ccdULL;
    h->b ^= h->b >> 32;
}

static void mix_bytes(struct hash *h, const char *p, size_t n)
{
    uint64_t w = 0;

    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        mix(h, w);
    }
    w = 0;
    memcpy(&w, p, n);
    mix(h, w);
}

static struct hash hash_state(void)
{
    struct hash h = { 1, 2 };

    find_changes(false);
    for (uint32_t i = 0; i < e->nr_changed; i++) {
        mix(&h, e->changed[i]);
        mix_bytes(&h, line_at(e->changed[i]), line_bytes(e->changed[i]));
    }
    for (unsigned int i = 0; i < EXPLORE_CPUS; i++) {
        mix(&h, e->cpu[i].done * 2u + e->cpu[i].irqs);
        mix_bytes(&h, e->cpu[i].sp, stack_bytes(i));
    }
    return h;
}

/* ---- states that were seen ---- */

/* Its number; *fresh: it was not known. */
static uint32_t find_or_add(struct hash h, uint32_t parent, unsigned int by, const void *pc, bool *fresh)
{
    uint32_t at = (uint32_t)h.a & (TABLE_SIZE - 1);

    for (; e->table[at] != 0; at = (at + 1) & (TABLE_SIZE - 1)) {
        const struct state *s = &e->states[e->table[at] - 1];

        *fresh = false;
        if (s->hash.a == h.a && s->hash.b == h.b)
            return e->table[at] - 1;
    }
    *fresh = true;
    e->states[e->nr_states] = (struct state){ .hash = h, .parent = parent, .pc = (uint32_t)(uintptr_t)pc, .by = (uint8_t)by };
    e->table[at] = ++e->nr_states;
    return e->nr_states - 1;
}

static void add_edge(uint32_t from, uint32_t to)
{
    if (e->nr_edges == e->max_edges) {
        e->max_edges = e->max_edges ? e->max_edges * 2 : 1u << 16;
        e->edges = realloc(e->edges, e->max_edges * sizeof(*e->edges));
    }
    e->edges[e->nr_edges++] = (struct edge){ from, to };
}

/* ---- reporting ---- */

static void print_line(unsigned int by, uint32_t pc)
{
    char command[128], where[256] = "", what[128] = "";
    FILE *f;

    snprintf(command, sizeof(command), "addr2line -f -s -e /proc/%d/exe %#x", (int)getpid(), pc - 1);
    f = popen(command, "r");
    if (f && fgets(what, sizeof(what), f) && fgets(where, sizeof(where), f))
        what[strcspn(what, "\n")] = 0;
    if (f)
        pclose(f);
    printf("    %-12s %-28s %s", e->model->cpus[by].name, what, where[0] ? where : "\n");
}

static void print_trace(uint32_t id, unsigned int by, const void *pc)
{
    uint32_t *way = malloc(MAX_DEPTH * sizeof(*way));
    unsigned int n = 0;

    for (; e->states[id].parent != ~0u && n < MAX_DEPTH; id = e->states[id].parent)
        way[n++] = id;
    while (n-- > 0)
        print_line(e->states[way[n]].by, e->states[way[n]].pc);
    if (by < EXPLORE_CPUS)
        print_line(by, (uint32_t)(uintptr_t)pc);
    free(way);
}

/* ---- the search ---- */

static bool all_done(void)
{
    for (unsigned int i = 0; i < EXPLORE_CPUS; i++)
        if (!e->cpu[i].done)
            return false;
    return true;
}

static void look_at_state(uint32_t id)
{
    e->model->check();
    if (!all_done())
        return;
    e->states[id].ends = true;
    if (e->model->check_end)
        e->model->check_end();
    find_changes(true); /* the guest may have finished its work */
}

/* One step of CPU i from the state at the path's end. New state: the path grows. false: a failure. */
static bool advance(unsigned int *depth, unsigned int i)
{
    const struct saved *from = &e->path[*depth - 1];
    const void *pc;
    uint32_t id;
    bool fresh;

    restore(from->data);
    pc = e->cpu[i].pc;
    step(i);
    if (e->failure[0] == 0) {
        id = find_or_add(hash_state(), from->id, i, pc, &fresh);
        add_edge(from->id, id);
        if (!fresh)
            return true;
        look_at_state(id);
        if (e->failure[0] == 0) {
            e->path[(*depth)++] = (struct saved){ save(), id, 0 };
            return true;
        }
    }
    find_changes(true);
    if (!e->found_hot && e->nr_states >= ALL_BLOCKS_STATES && !e->thorough) {
        e->thorough = e->found_hot = true; /* to be sure, with no block left out */
        memset(e->is_hot, true, e->bytes / BLOCK + 1);
    }
    if (e->found_hot)
        return false;
    printf("    %s\n", e->failure);
    print_trace(from->id, i, pc);
    return false;
}

static bool search(void)
{
    unsigned int depth = 1;
    bool fresh;

    e->path[0] = (struct saved){ save(), find_or_add(hash_state(), ~0u, 0, NULL, &fresh), 0 };
    look_at_state(0);
    while (depth > 0) {
        struct saved *s = &e->path[depth - 1];

        if (s->next == EXPLORE_CPUS) {
            free(s->data);
            depth--;
            continue;
        }
        const unsigned int i = s->next++;
        const struct coroutine *cpus = (const struct coroutine *)s->data;

        if (!cpus[i].done && !advance(&depth, i))
            return false;
        if (e->found_hot)
            return false;
        if (e->nr_states >= MAX_STATES || depth >= MAX_DEPTH - 1) {
            printf("    too large: %u states\n", e->nr_states);
            exit(2);
        }
    }
    return true;
}

/* From every state the end can be reached: nobody waits for ever. */
static bool everybody_gets_done(void)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = e->nr_edges; i-- > 0; )
            if (e->states[e->edges[i].to].ends && !e->states[e->edges[i].from].ends)
                changed = e->states[e->edges[i].from].ends = true;
    }
    for (uint32_t id = 0; id < e->nr_states; id++)
        if (!e->states[id].ends) {
            printf("    from here on nobody gets done:\n");
            print_trace(id, EXPLORE_CPUS, NULL);
            return false;
        }
    return true;
}

static void begin(void)
{
    memcpy(__data_start, e->first, e->bytes);
    e->found_hot = false;
    e->running = -1;
    e->nr_changed = e->nr_states = 0;
    e->nr_edges = 0;
    e->failure[0] = 0;
    memset(e->table, 0, TABLE_SIZE * sizeof(*e->table));
    for (unsigned int i = 0; i < EXPLORE_CPUS; i++)
        prepare_stack(i);
}

static bool explore(const struct explore_model *m)
{
    bool holds;

    memcpy(__data_start, e->pristine, e->bytes);
    memset(e->is_hot, 0, e->bytes / BLOCK + 1);
    e->thorough = false;
    e->model = m;
    e->running = -1;
    e->nr_shared = 0;
    e->failure[0] = 0;
    host_test_cpu = 0;
    host_test_irqs = true;
    m->setup();
    if (e->failure[0]) {
        printf("    setup: %s\n", e->failure);
        exit(2);
    }
    memcpy(e->first, __data_start, e->bytes);
    do {
        begin();
        holds = search();
        find_changes(true);
    } while (e->found_hot);
    return holds && everybody_gets_done();
}

/* A CPU follows a pointer that leads nowhere. */
static void crashed(int signal)
{
    printf("    CPU %s: memory fault\nbroken %s states=%u\n", e->running >= 0 ? e->model->cpus[e->running].name : "none", e->model->name, e->nr_states);
    fflush(stdout);
    _exit(1);
}

static void catch_crashes(void)
{
    const stack_t stack = { .ss_sp = malloc(1u << 16), .ss_size = 1u << 16 };
    const struct sigaction action = { .sa_handler = crashed, .sa_flags = SA_ONSTACK };

    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
}

int explore_main(const struct explore_model *models, int argc, char **argv)
{
    struct explorer *all = calloc(1, sizeof(*all));
    bool holds = true;

    setvbuf(stdout, NULL, _IOLBF, 0);
    all->states = malloc(MAX_STATES * sizeof(struct state));
    all->table = malloc(TABLE_SIZE * sizeof(uint32_t));
    all->path = malloc(MAX_DEPTH * sizeof(struct saved));
    for (unsigned int i = 0; i < EXPLORE_CPUS; i++)
        all->stack[i] = aligned_alloc(4096, STACK_BYTES);
    all->bytes = (size_t)(_end - __data_start);
    all->pristine = malloc(all->bytes);
    all->first = malloc(all->bytes);
    all->is_hot = calloc(all->bytes / BLOCK + 1, sizeof(bool));
    all->changed = malloc((all->bytes / LINE + 1) * sizeof(uint32_t));
    e = all;
    catch_crashes();
    memcpy(e->pristine, __data_start, e->bytes);
    for (; models->name; models++) {
        if (argc > 1 && strcmp(argv[1], models->name) != 0)
            continue;
        if (explore(models)) {
            printf("holds %s states=%u steps=%zu\n", models->name, e->nr_states, e->nr_edges);
        } else {
            printf("broken %s states=%u\n", models->name, e->nr_states);
            holds = false;
        }
    }
    return holds ? 0 : 1;
}
