/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to grant/: the table, its active entries, formats, pins and the maptrack. docs/grants.md.
 *
 * G1  An active entry with pins holds one reference to its frame; with writing pins, one as
 *     FRAME_WRITABLE too. (A transitive one holds none: the grant that it leads to does.)
 * G2  The grantee, frame and range of a pinned entry are those of its first pin, whatever the
 *     guest writes into the shared entry meanwhile.
 * G3  GTF_reading is set while there are pins, GTF_writing while there are writing ones; they go
 *     only after no translation in a TLB can use the pin any more.
 * G4  A mapping in the maptrack holds one reference to the granting domain, and its pins.
 *
 * Lock: the granting domain's table lock for everything but the maptrack of the mapping domain.
 */
#ifndef HV_GRANT_TABLE_H
#define HV_GRANT_TABLE_H

#include <hv/domain.h>
#include <hv/grant.h>

#define V1_PER_FRAME     ((unsigned int)(PAGE_SIZE / sizeof(grant_entry_v1_t)))
#define V2_PER_FRAME     ((unsigned int)(PAGE_SIZE / sizeof(grant_entry_v2_t)))
#define STATUS_PER_FRAME ((unsigned int)(PAGE_SIZE / sizeof(grant_status_t)))
#define ACTIVE_PER_BLOCK V1_PER_FRAME /* one block a frame: enough for either version */

/* Retries of an update that the guest may legitimately disturb by toggling a flag. */
#define GRANT_TRIES 5

enum grant_kind { GRANT_WHOLE, GRANT_SUB_PAGE, GRANT_TRANSITIVE };

/* What a shared entry says, read once. */
struct grant_target {
    uint64_t gfn;
    uint16_t start, length;  /* bytes of the page that may be accessed */
    uint8_t kind;            /* enum grant_kind */
    domid_t trans_domid;
    grant_ref_t trans_ref;
};

struct grant_active {
    struct frame *frame;     /* G1; NULL if transitive */
    uint32_t readers, writers; /* pins */
    domid_t grantee;
    domid_t trans_domid;
    grant_ref_t trans_ref;
    uint16_t start, length;
    uint8_t kind;
};

#define GRANT_MAX_PINS 0x7fffffffu

struct grant_pin_request {
    domid_t grantee;
    bool writable;
    bool for_map;            /* whole pages only */
    bool may_be_transitive;
    uint8_t count;           /* pins: 1, or 2 for a host and a device mapping in one */
};

struct grant_table;

/* A shared entry, reduced to what outlives a change of version. */
struct grant_saved { uint16_t flags; domid_t domid; uint64_t frame; };

struct grant_format {
    unsigned int version, per_frame;
    /* First word of an entry: flags, and the domid above them. */
    uint32_t *(*header)(const struct grant_table *t, grant_ref_t ref);
    /*
     * Checks the entry and marks it as read, or written too. pinned: its type and grantee were
     * checked before. *flags: those that were found. GNTST_okay or GNTST_general_error.
     */
    int (*mark)(struct grant_table *t, grant_ref_t ref, const struct grant_pin_request *r, bool pinned, uint16_t *flags);
    void (*unmark)(struct grant_table *t, grant_ref_t ref, uint16_t bits);
    void (*describe)(const struct grant_table *t, grant_ref_t ref, uint16_t flags, struct grant_target *out);
    void (*set_frame)(struct grant_table *t, grant_ref_t ref, uint64_t frame);
    void (*swap)(struct grant_table *t, grant_ref_t a, grant_ref_t b);
    /* false: the other version cannot say that. */
    bool (*save)(const struct grant_table *t, grant_ref_t ref, struct grant_saved *out);
    void (*restore)(struct grant_table *t, grant_ref_t ref, const struct grant_saved *s);
};
extern const struct grant_format grant_format_v1, grant_format_v2;

/* A mapping that a domain made; its number is the handle. */
struct maptrack_entry {
    struct domain *granter;  /* G4 */
    uint32_t flags;          /* atomic: GNTMAP_*, MAPTRACK_BUSY; 0: free */
    uint32_t ref;            /* free: next free handle */
};

#define MAPTRACK_PER_BLOCK ((unsigned int)(PAGE_SIZE / sizeof(struct maptrack_entry)))
#define MAPTRACK_BUSY      (1u << 15) /* one vCPU unmaps it: the entry is its alone. No GNTMAP flag. */
#define MAPTRACK_NONE      0xffffffffu
#define GNTMAP_KINDS       ((uint32_t)(GNTMAP_host_map | GNTMAP_device_map))

struct maptrack {
    struct spinlock lock;    /* RANK_MAPTRACK: growth */
    struct maptrack_entry **block;
    unsigned int max_blocks;
    uint32_t nr_blocks;      /* atomic */
    uint64_t free;           /* atomic: first free handle, and a count of changes above it */
    uint32_t next_release;   /* grant_domain_release_mappings goes on here */
};

struct grant_table {
    struct spinlock lock;    /* RANK_GRANT */
    struct domain *domain;
    const struct grant_format *format;
    unsigned int max_version;
    unsigned int max_frames, nr_frames;
    unsigned int nr_status;  /* status frames there are; shown only while the table is v2 */
    void **frame;
    grant_status_t **status;
    struct grant_active **active;
    struct maptrack maptrack;
};

static inline unsigned int grant_nr_entries(const struct grant_table *t)
{
    return t->nr_frames * t->format->per_frame;
}

static inline unsigned int status_frames_for(unsigned int nr_frames)
{
    return div_round_up(nr_frames * V2_PER_FRAME, STATUS_PER_FRAME);
}

/* ref is below grant_nr_entries. */
static inline struct grant_active *grant_active(const struct grant_table *t, grant_ref_t ref)
{
    return &t->active[ref / ACTIVE_PER_BLOCK][ref % ACTIVE_PER_BLOCK];
}

static inline bool grant_is_pinned(const struct grant_active *a)
{
    return (a->readers | a->writers) != 0;
}

static inline bool grant_is_v2(const struct grant_table *t)
{
    return t->format == &grant_format_v2;
}

/* The domain that a guest names, referenced; DOMID_SELF is none. NULL: none, or it has no table. */
static inline struct domain *grant_domain_get(domid_t id)
{
    struct domain *d = id < DOMID_FIRST_RESERVED ? domain_get_by_id(id) : NULL;

    if (d != NULL && unlikely(d->grants == NULL)) {
        domain_put(d);
        return NULL;
    }
    return d;
}

/* ---- table.c; table lock held ---- */
extern bool grant_transitive_allowed;
/* At least nr frames, and status frames if the table is v2. -ENOMEM, -EINVAL (limit, dying). */
int grant_table_grow(struct grant_table *t, unsigned int nr) must_check;
int grant_status_grow(struct grant_table *t, unsigned int nr) must_check;

/* ---- pin.c ---- */
/* Pins (t, ref) for a grantee. *a: the entry, of which G2 keeps all but the pins as it is while the pin is held. GNTST_*. Takes the table lock. */
int grant_pin(struct grant_table *t, grant_ref_t ref, const struct grant_pin_request *r, const struct grant_active **a) must_check;
void grant_unpin(struct grant_table *t, grant_ref_t ref, bool writable, unsigned int count);

/* ---- maptrack.c ---- */
int maptrack_init(struct maptrack *m, unsigned int max_frames) must_check;
void maptrack_fini(struct maptrack *m);
/* A handle, or MAPTRACK_NONE. The entry is the caller's until maptrack_publish. */
uint32_t maptrack_alloc(struct maptrack *m) must_check;
void maptrack_publish(struct maptrack *m, uint32_t handle, struct domain *granter, grant_ref_t ref, uint32_t flags);
void maptrack_free(struct maptrack *m, uint32_t handle);
/* The mapping of a guest-supplied handle, BUSY now; NULL: there is none, or another vCPU unmaps it. */
struct maptrack_entry *maptrack_claim(struct maptrack *m, uint32_t handle) must_check;

/* ---- array.c ---- */
#define GRANT_CHUNK 16u

/*
 * Reads the guest's array in pieces, calls fn, writes the piece back. 0 done; > 0: so many
 * elements are done, then something urgent came; -EFAULT.
 */
long grant_for_each_chunk(uint64_t uop, uint32_t count, size_t bytes, void (*fn)(void *ops, unsigned int n, void *state), void *state) must_check;

/* ---- sub-operations: as grant_for_each_chunk, or another errno ---- */
#define GRANT_OP(nr, name, type) long grant_op_##name(uint64_t uop, uint32_t count) must_check;
#include "../../abi/grant.def"
#undef GRANT_OP

#endif
