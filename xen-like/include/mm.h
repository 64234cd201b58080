/* SPDX-License-Identifier: MIT */
/*
 * Machine memory: the frame table, the buddy allocator, ownership and references.
 *
 * Every frame of RAM has one struct page_info. `count` holds references: a page with count 0 is
 * free. A page given to a domain starts with count 1 and the ALLOCATED flag, which stands for that
 * one reference; dropping the last reference frees the page. `type` says what the frame may be used
 * as and how many uses there are; only arch/x86/pv/mm.c moves types (its head has the rules).
 */
#ifndef CORBEL_MM_H
#define CORBEL_MM_H

#include "types.h"
#include "errno.h"

struct domain;

#define PGC_ALLOCATED (1ull << 63) /* the owner's own reference is still there */
#define PGC_HEAP      (1ull << 62) /* hypervisor's memory shared with a guest: never freed by it */
#define PGC_COUNT     ((1ull << 56) - 1)

struct page_info {
    uint32_t prev, next;  /* list links: frame numbers, 0 = end */
    uint64_t count;       /* PGC_* */
    uint64_t type;        /* PGT_* (arch/x86/pv/mm.h) */
    uint32_t owner_frame; /* frame number of the owner's struct domain, 0 = none */
    uint16_t n_validated; /* page tables: entries holding references, while PGT_PARTIAL */
    uint8_t order;        /* free pages: buddy order */
    uint8_t flags;        /* PGF_* */
};
#define PGF_RAM           1  /* frame is RAM the allocator knows */
#define PGF_FREE          2  /* head of a free buddy block */
#define PGF_PARTIAL_CHILD 4  /* PARTIAL table: the entry at n_validated - 1 is half dropped */
#define PGF_FOREIGN       8  /* another domain than the owner has mapped it at some time */
#define PGF_RELINQUISHED  16 /* in the list d->relinquished */
#define PGF_CLEAN         32 /* free, zero, and in nobody's TLB */

/* Flags that change while others use the page. */
static inline void page_flag_set(struct page_info *pg, uint8_t flag)
{
    if (!(pg->flags & flag))
        __atomic_fetch_or(&pg->flags, flag, __ATOMIC_SEQ_CST);
}

static inline void page_flag_clear(struct page_info *pg, uint8_t flag)
{
    if (pg->flags & flag)
        __atomic_fetch_and(&pg->flags, (uint8_t)~flag, __ATOMIC_SEQ_CST);
}

struct page_list {
    uint32_t head, tail; /* frame numbers, 0 = empty */
    uint32_t n;
};

extern struct page_info *const frame_table;
extern uint64_t max_page; /* frames 0..max_page-1 have a page_info */

static inline mfn_t page_to_mfn(const struct page_info *pg)
{
    return MFN((uint64_t)(pg - frame_table));
}
static inline struct page_info *mfn_to_page(mfn_t m)
{
    return frame_table + m.n;
}
/* Whether `m` is RAM with a page_info; anything else is MMIO, a hole or nonsense. */
static inline bool mfn_valid(mfn_t m)
{
    return m.n < max_page && (frame_table[m.n].flags & PGF_RAM);
}

/* The hypervisor's direct map: all RAM, writable, never executable. */
#ifndef DIRECTMAP_BASE /* tests on a host put it where they have memory */
#define DIRECTMAP_BASE 0xffff830000000000ul
#endif
static inline void *paddr_to_virt(paddr_t p)
{
    return (void *)(DIRECTMAP_BASE + p);
}
static inline void *mfn_to_virt(mfn_t m)
{
    return paddr_to_virt(mfn_to_paddr(m));
}
/* Only for addresses inside the direct map (what mm_alloc and page_to_virt return). */
static inline paddr_t virt_to_paddr(const void *v)
{
    return (paddr_t)v - DIRECTMAP_BASE;
}
static inline mfn_t virt_to_mfn(const void *v)
{
    return paddr_to_mfn(virt_to_paddr(v));
}
static inline void *page_to_virt(const struct page_info *pg)
{
    return mfn_to_virt(page_to_mfn(pg));
}
static inline struct page_info *virt_to_page(const void *v)
{
    return mfn_to_page(virt_to_mfn(v));
}

/* Machine frame -> pseudo-physical frame of its PV owner; guests read it, the hypervisor writes. */
#define M2P_GUEST_BASE 0xffff800000000000ul
#define M2P_INVALID    (~0ul)
#define M2P_SHARED     (~0ul - 1)
extern uint64_t *const m2p_table;
/* The M2P lies in chunks of 2 MiB: the first frame of the nth, for what max_page covers. */
#define M2P_CHUNK_ENTRIES ((1ul << 21) / sizeof(uint64_t))
mfn_t m2p_chunk(uint64_t n);
/* Once, at boot: lets the control domain map the M2P, read-only, as frames of dom_xen. */
void m2p_share(void);

/* --- allocator (mm/heap.c) --- */
#define HEAP_MAX_ORDER  18        /* 1 GiB */
#define HEAP_BELOW_4G   (1u << 0) /* frames under 4 GiB only */
#define HEAP_EXACT_NODE (1u << 2) /* of the nodes wanted or none */
#define HEAP_ZERO       (1u << 3) /* zeroed */
#define HEAP_NO_RESERVE (1u << 1) /* may use the hypervisor's last reserve */
/* 2^order contiguous frames, no owner, or NULL; zeroed if HEAP_ZERO says so. */
struct page_info *heap_alloc_pages(unsigned int order, unsigned int flags);
/* Frames whose machine addresses fit `bits` bits (0 = any). */
struct page_info *heap_alloc_pages_bits(unsigned int order, unsigned int bits, unsigned int flags);
/* Of the memory nodes in `wanted` (0: no wish) as far as they have some. */
struct page_info *heap_alloc_pages_node(unsigned int order, unsigned int bits, uint64_t wanted,
                                        unsigned int flags);
void heap_free_pages(struct page_info *pg, unsigned int order);
/* For idle CPUs: zeroes at most one free frame; false when no free frame needs it. */
bool heap_scrub_step(void);
uint64_t heap_free_count(void); /* frames */
/* The same of one memory node. */
uint64_t heap_node_free(unsigned int node);
uint64_t heap_node_total(unsigned int node);
uint64_t heap_total_count(void); /* frames of RAM of the machine */
/* At boot, once nodes are known: sorts what is free by node. `activate` makes numa_node_of_mfn
 * tell them. */
void heap_split_nodes(void (*activate)(void));
/* At boot: so many frames are RAM, free or in use by the hypervisor. */
void heap_add_total(uint64_t frames);

/*
 * Hypervisor memory. mm_alloc: zeroed, 16-byte aligned (page-aligned from PAGE_SIZE up), NULL when
 * out of memory; the caller frees with mm_free(p). Sizes over a page are rounded up to a power of
 * two pages.
 */
void *mm_alloc(size_t size);
void mm_free(void *p);
/* 2^order zeroed pages in the direct map, or NULL. */
void *mm_alloc_pages(unsigned int order);
void mm_free_pages(void *p, unsigned int order);

/* --- ownership (mm/page.c) --- */
static inline struct domain *page_owner(const struct page_info *pg)
{
    return pg->owner_frame ? mfn_to_virt(MFN(pg->owner_frame)) : NULL;
}
/* Takes a reference if `d` owns the page and it is alive. Undone by page_put. Any context. */
bool page_get(struct page_info *pg, const struct domain *d);
/* Takes a reference whoever owns the page, if anybody does; returns the owner or NULL. */
struct domain *page_get_owner(struct page_info *pg);
/* Drops a reference; the last one returns the page to the heap (and to its owner's accounting). */
void page_put(struct page_info *pg);
/* The part of page_put for whoever took the count to zero. */
void page_put_last(struct page_info *pg);
/*
 * Gives 2^order fresh frames to `d`: counts them, links them in d's list, count = 1 | ALLOCATED.
 * -ENOMEM over d->max_pages, -EINVAL when d is dying. Takes d->page_lock.
 */
int page_assign(struct domain *d, struct page_info *pg, unsigned int order);
/* Promises `n` more frames to `d` (0 takes the promise back); -ENOMEM when that much is not free of
 * promises. */
int page_claim(struct domain *d, uint64_t n);
/* heap_alloc_pages + page_assign. NULL when out of memory or over the domain's maximum. */
struct page_info *page_alloc_for(struct domain *d, unsigned int order, unsigned int flags);
/* Moves a page between two of its owner's lists; page_lock held. */
void page_list_move(struct page_list *from, struct page_list *to, struct page_info *pg);
/* Drops the ALLOCATED reference if it is still there (balloon out, destroy). */
void page_release_allocation(struct page_info *pg);
/*
 * Lets `d` map a page of the hypervisor's own (shared info, grant frames, ring of the console):
 * owner d, count 1 | HEAP, usable as writable memory, or only readable. The page stays ours.
 */
void page_share(struct page_info *pg, struct domain *d, bool writable);
/*
 * Ends page_share. True: no mapping remains and the caller frees the page. False: some domain still
 * maps it; it is freed with that mapping and the caller forgets it.
 */
bool page_unshare(struct page_info *pg);
/* Reference + writable type in one step (a frame the guest may write through a mapping we make). */
bool page_get_writable(struct page_info *pg, const struct domain *d);
void page_put_writable(struct page_info *pg);
/* Same, for a frame named by a guest; *out gets the page. -EINVAL when `d` does not own such a
 * frame. */
int page_get_from_gfn(struct domain *d, gfn_t gfn, bool writable, struct page_info **out);

#endif
