/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypervisor's heap. Objects of up to half a page share pages by size class; larger ones get
 * pages of their own. Nothing is stored beside an object: what heap_free must know is in the
 * struct frame of the object's page, and free objects of a page are chained through themselves.
 *
 * A page whose objects are all free goes back at once, so that what is free after a
 * domain is gone equals what was free before it came.
 *
 * Lock: one per class (RANK_HEAP).
 */
#include <hv/fault.h>
#include <hv/lib.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/mm.h>

/* Sizes are chosen so that a page holds a whole number with little left. */
static const uint16_t class_size[] = { 16, 32, 48, 64, 96, 128, 192, 256, 336, 448, 576, 672, 816, 1024, 1360, 2048 };
#define NR_CLASSES ((unsigned int)array_size(class_size))
#define MAX_SMALL  2048u

static struct heap_class {
    struct spinlock lock;
    uint32_t partial;       /* first page that has a free object, FRAME_NO_LINK if none */
} heap_class[NR_CLASSES] = {
    [0 ... NR_CLASSES - 1] = { SPINLOCK_INIT(RANK_HEAP), FRAME_NO_LINK },
};

/*
 * struct frame of a heap page:
 *   order         SMALL_PAGE | class, or the order of a large object's block
 *   nr_validated  objects in use
 *   tlb_stamp     offset of the first free object, NO_OBJECT if none
 *   next, prev    pages of the class that have a free object
 */
#define SMALL_PAGE 0x80u
#define NO_OBJECT  0xffffu

/* ---- what is out, for fault injection (hv/core/fault.c) ---- */

#ifdef HV_DEBUG
static uint64_t nr_objects; /* atomic */

static void count_objects(int64_t more) { __atomic_fetch_add(&nr_objects, (uint64_t)more, __ATOMIC_RELAXED); }
uint64_t heap_nr_objects(void) { return read_once(nr_objects); }
#else
static void count_objects(int64_t more) { }
#endif

/* ---- pages ---- */

void *pages_alloc(unsigned int order, uint32_t alloc_flags)
{
    struct frame *f = buddy_alloc(order, alloc_flags);

    if (f == NULL)
        return NULL;
    for (uint64_t i = 0; i < 1ULL << order; i++)
        f[i].flags = FRAME_HYPERVISOR;
    return frame_va(f);
}

void pages_free(void *p, unsigned int order)
{
    struct frame *f = frame_of(va_mfn(p));

    for (uint64_t i = 0; i < 1ULL << order; i++) {
        ASSERT(f[i].flags & FRAME_HYPERVISOR);
        f[i].flags &= (uint16_t)~FRAME_HYPERVISOR;
        /* What we kept there, guests' FPU registers among it, is for no guest to see. */
        f[i].flags |= FRAME_NEED_SCRUB;
    }
    buddy_free(f, order);
}

/* Frees the pages [first, end) of a block in the largest pieces that their places allow. */
static void free_pieces(char *p, uint64_t first, uint64_t end)
{
    while (first < end) {
        unsigned int order = first ? (unsigned int)__builtin_ctzll(first) : MAX_ORDER;

        while (first + (1ULL << order) > end)
            order--;
        pages_free(p + first * PAGE_SIZE, order);
        first += 1ULL << order;
    }
}

void *pages_alloc_bytes(size_t n, uint32_t alloc_flags)
{
    const unsigned int order = pages_order(n);
    char *p = order > MAX_ORDER ? NULL : pages_alloc(order, alloc_flags);

    if (p != NULL)
        free_pieces(p, (n + PAGE_SIZE - 1) >> PAGE_SHIFT, 1ULL << order);
    return p;
}

void pages_free_bytes(void *p, size_t n)
{
    free_pieces(p, 0, (n + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

/* ---- pages of small objects; the class's lock is held ---- */

static void partial_insert(struct heap_class *c, struct frame *f)
{
    const uint32_t mfn = (uint32_t)frame_mfn(f).v;

    f->prev = FRAME_NO_LINK;
    f->next = c->partial;
    if (f->next != FRAME_NO_LINK)
        frame_of(MFN(f->next))->prev = mfn;
    c->partial = mfn;
}

static void partial_remove(struct heap_class *c, struct frame *f)
{
    if (f->next != FRAME_NO_LINK)
        frame_of(MFN(f->next))->prev = f->prev;
    if (f->prev != FRAME_NO_LINK)
        frame_of(MFN(f->prev))->next = f->next;
    else
        c->partial = f->next;
}

static uint16_t *object_at(const struct frame *f, uint32_t offset)
{
    return (uint16_t *)((char *)frame_va(f) + offset);
}

/* Chains the objects of a fresh page. Not yet in any list: no lock needed. */
static void page_format(struct frame *f, unsigned int class)
{
    const uint32_t size = class_size[class], nr = (uint32_t)PAGE_SIZE / size;

    for (uint32_t i = 0; i < nr; i++)
        *object_at(f, i * size) = (uint16_t)(i + 1 < nr ? (i + 1) * size : NO_OBJECT);
    f->order = (uint8_t)(SMALL_PAGE | class);
    f->nr_validated = 0;
    f->tlb_stamp = 0;
}

static void *object_take(struct heap_class *c)
{
    struct frame *f = frame_of(MFN(c->partial));
    uint16_t *object = object_at(f, f->tlb_stamp);

    f->tlb_stamp = *object;
    f->nr_validated++;
    if (f->tlb_stamp == NO_OBJECT)
        partial_remove(c, f);
    return object;
}

/* True: the page is empty now, off the list, and the caller's. */
static bool object_give(struct heap_class *c, struct frame *f, void *p)
{
    const bool was_full = f->tlb_stamp == NO_OBJECT;

    *(uint16_t *)p = (uint16_t)f->tlb_stamp;
    f->tlb_stamp = (uint32_t)((uintptr_t)p & ~PAGE_MASK);
    f->nr_validated--;
    if (f->nr_validated == 0) {
        if (!was_full)
            partial_remove(c, f);
        return true;
    }
    if (was_full)
        partial_insert(c, f);
    return false;
}

/* ---- objects ---- */

/* An object's alignment is the largest power of two that divides its size. */
static bool class_fits(unsigned int class, size_t size, size_t align)
{
    return class_size[class] >= size && (class_size[class] & (align - 1)) == 0;
}

static void *small_alloc(unsigned int class)
{
    struct heap_class *c = &heap_class[class];
    void *object;

    spin_lock(&c->lock);
    if (c->partial == FRAME_NO_LINK) {
        spin_unlock(&c->lock);
        void *page = pages_alloc(0, ALLOC_NO_SCRUB);

        if (page == NULL)
            return NULL;
        page_format(frame_of(va_mfn(page)), class);
        spin_lock(&c->lock);
        partial_insert(c, frame_of(va_mfn(page)));
    }
    object = object_take(c);
    spin_unlock(&c->lock);
    return object;
}

static void *large_alloc(size_t size, size_t align, uint32_t alloc_flags)
{
    const unsigned int order = pages_order(max(size, align));
    void *p = order > MAX_ORDER ? NULL : pages_alloc(order, alloc_flags);

    if (p != NULL)
        frame_of(va_mfn(p))->order = (uint8_t)order;
    return p;
}

static void *find(size_t size, size_t align, bool zero)
{
    if (size > MAX_SMALL || align > MAX_SMALL)
        return large_alloc(size, align, zero ? ALLOC_ZERO : 0);
    for (unsigned int class = 0; class < NR_CLASSES; class++)
        if (class_fits(class, size, align)) {
            void *p = small_alloc(class);

            return p != NULL && zero ? memset(p, 0, class_size[class]) : p;
        }
    return NULL;
}

static void *alloc(size_t size, size_t align, bool zero)
{
    void *p = fault_due(FAULT_ALLOC) ? NULL : find(size, align, zero);

    if (p != NULL)
        count_objects(1);
    return p;
}

void *heap_alloc(size_t size, size_t align)
{
    return alloc(size, align, false);
}

void *heap_zalloc(size_t size, size_t align)
{
    return alloc(size, align, true);
}

void *heap_zalloc_array(size_t n, size_t size, size_t align)
{
    size_t bytes;

    return __builtin_mul_overflow(n, size, &bytes) ? NULL : heap_zalloc(bytes, align);
}

void heap_free(void *p)
{
    if (p == NULL)
        return;
    count_objects(-1);
    struct frame *f = frame_of(va_mfn(p));
    void *page = frame_va(f);

    ASSERT(f->flags & FRAME_HYPERVISOR);
    if (!(f->order & SMALL_PAGE)) {
        ASSERT(p == page);
        pages_free(p, f->order);
        return;
    }
    struct heap_class *c = &heap_class[f->order & ~SMALL_PAGE];

    spin_lock(&c->lock);
    const bool empty = object_give(c, f, p);
    spin_unlock(&c->lock);
    if (empty)
        pages_free(page, 0);
}
