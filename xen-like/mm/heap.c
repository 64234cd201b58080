/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator of machine frames.
 *
 * Free blocks hang in lists by memory node, zone and order. A zone holds the frames whose number
 * has the same highest bit, so "frames below 2^n" is a set of whole zones and a block never
 * straddles two. Frame 0 is never free (the first MiB is not given to the heap), so 0 ends a list.
 * Guarded by heap_lock.
 */
#include "mm.h"
#include "arch/numa.h"
#include "arch/paging.h"
#include "arch/smp.h"
#include "arch/tlb.h"
#include "console.h"
#include "spinlock.h"
#include "timer.h"
#include "lib/string.h"

#define N_ZONES 41

static struct spinlock heap_lock = SPINLOCK_INIT(RANK_HEAP);
static struct heap_node {
    uint32_t free_head[N_ZONES][HEAP_MAX_ORDER + 1];
    /* Which zones, and which orders of a zone, have a block. */
    uint64_t zones_with_blocks;
    uint32_t orders_with_blocks[N_ZONES];
    uint64_t n_free, n_total;
} nodes[NUMA_MAX_NODES];
static uint64_t n_free, n_total;
static unsigned int zone_of(uint64_t mfn)
{
    return 64 - __builtin_clzl(mfn);
}

static void block_link(uint64_t mfn, unsigned int order)
{
    struct heap_node *node = &nodes[numa_node_of_mfn(mfn)];
    struct page_info *pg = frame_table + mfn;
    unsigned int zone = zone_of(mfn);
    uint32_t *head = &node->free_head[zone][order];

    pg->prev = 0;
    pg->next = *head;
    if (*head)
        frame_table[*head].prev = (uint32_t)mfn;
    *head = (uint32_t)mfn;
    node->orders_with_blocks[zone] |= 1u << order;
    node->zones_with_blocks |= 1ul << zone;
    pg->order = (uint8_t)order;
    pg->flags |= PGF_FREE;
}

static void first_block_gone(struct heap_node *node, unsigned int zone, unsigned int order,
                             uint32_t next)
{
    node->free_head[zone][order] = next;
    if (next)
        return;
    node->orders_with_blocks[zone] &= ~(1u << order);
    if (!node->orders_with_blocks[zone])
        node->zones_with_blocks &= ~(1ul << zone);
}

static void block_unlink(struct heap_node *node, uint64_t mfn)
{
    struct page_info *pg = frame_table + mfn;

    if (pg->prev)
        frame_table[pg->prev].next = pg->next;
    else
        first_block_gone(node, zone_of(mfn), pg->order, pg->next);
    if (pg->next)
        frame_table[pg->next].prev = pg->prev;
    pg->prev = pg->next = 0;
    pg->flags &= (uint8_t)~PGF_FREE;
}

/* Takes a block of `order` from the zones `top`..1, splitting a larger one. Returns its frame or 0.
 */
static uint64_t take_block(struct heap_node *node, unsigned int order, unsigned int top)
{
    uint64_t zones = node->zones_with_blocks & ((2ul << top) - 1);

    while (zones) {
        unsigned int z = 63 - __builtin_clzl(zones);
        uint32_t orders = node->orders_with_blocks[z] >> order << order;

        zones &= ~(1ul << z);
        if (!orders)
            continue;
        unsigned int o = __builtin_ctz(orders);
        uint64_t mfn = node->free_head[z][o];

        block_unlink(node, mfn);
        while (o > order) {
            o--;
            block_link(mfn + (1ul << o), o);
        }
        node->n_free -= 1ul << order;
        n_free -= 1ul << order;
        return mfn;
    }
    return 0;
}

/*
 * A new owner must not meet the old one's TLB entries. `type` of a free frame that guests could
 * reach is FREED_STAMPED with the stamp of its end. In a block the youngest is the one that counts.
 */
#define FREED_STAMPED (1ull << 32)

static void forget_translations(uint64_t mfn, unsigned int order)
{
    uint32_t now = tlb_stamp(), youngest = 0;
    bool any = false;

    for (uint64_t i = 0; i < 1ul << order; i++) {
        uint64_t freed = frame_table[mfn + i].type;

        if (!(freed & FREED_STAMPED))
            continue;
        if (!any || now - (uint32_t)freed < now - youngest)
            youngest = (uint32_t)freed;
        any = true;
    }
    if (any)
        tlb_flush_since(&cpu_online_map, youngest);
}

/* From the nodes wanted, then, unless only those will do, from any. Node 0 last: low memory is
 * there. */
static uint64_t take_from_nodes(unsigned int order, unsigned int top, uint64_t wanted, bool exact)
{
    uint64_t all = (1ul << numa_node_count()) - 1, mfn = 0;

    for (uint64_t left = wanted ? wanted & all : all; left && !mfn;
         left &= ~(1ul << (63 - __builtin_clzl(left))))
        mfn = take_block(&nodes[63 - __builtin_clzl(left)], order, top);
    if (!mfn && wanted && !exact)
        mfn = take_from_nodes(order, top, 0, false);
    return mfn;
}

struct page_info *heap_alloc_pages_node(unsigned int order, unsigned int bits, uint64_t wanted,
                                        unsigned int flags)
{
    unsigned int top = N_ZONES - 1;

    if (order > HEAP_MAX_ORDER || (bits && bits <= PAGE_SHIFT))
        return NULL;
    if (flags & HEAP_BELOW_4G)
        bits = bits ? MIN(bits, 32u) : 32;
    if (bits && bits - PAGE_SHIFT < top)
        top = bits - PAGE_SHIFT;

    spin_lock(&heap_lock);
    uint64_t mfn = take_from_nodes(order, top, wanted, flags & HEAP_EXACT_NODE);
    spin_unlock(&heap_lock);
    if (!mfn)
        return NULL;
    forget_translations(mfn, order);
    for (uint64_t i = 0; i < 1ul << order; i++) {
        struct page_info *pg = frame_table + mfn + i;
        ASSERT(pg->count == 0);
        if ((flags & HEAP_ZERO) && !(pg->flags & PGF_CLEAN))
            memset(page_to_virt(pg), 0, PAGE_SIZE);
        pg->type = 0;
        pg->flags = PGF_RAM;
        pg->n_validated = 0;
        pg->owner_frame = 0;
    }
    frame_table[mfn].order = (uint8_t)order;
    return frame_table + mfn;
}

struct page_info *heap_alloc_pages_bits(unsigned int order, unsigned int bits, unsigned int flags)
{
    return heap_alloc_pages_node(order, bits, 0, flags);
}

struct page_info *heap_alloc_pages(unsigned int order, unsigned int flags)
{
    return heap_alloc_pages_bits(order, 0, flags);
}

/*
 * Freed frames are zeroed by CPUs that have nothing else to do, so that who wants zeroed ones need
 * not. It goes in passes over the range in which frames were freed: each begins with one flush of
 * all CPUs, as its last owner could write to a frame again through what a TLB still holds; frames
 * freed later wait for the next pass. One CPU at a time does it: several would wait for each other.
 */
#define SCRUB_LOOK   64u /* frames looked at for one that needs it, at a time */
#define SCRUB_PERIOD MILLISECS(100)

static uint64_t freed_from, freed_to; /* where frames were freed; under heap_lock */
static bool is_scrubbing;             /* taken by the CPU that does */
static uint64_t pass_at, pass_end;    /* what is left of this pass, and what follow belong to it */
static uint32_t pass_stamp;
static s_time_t pass_began;

static bool is_free(uint64_t mfn)
{
    for (unsigned int order = 0; order <= HEAP_MAX_ORDER; order++) {
        const struct page_info *head = frame_table + (mfn >> order << order);

        if (head->flags & PGF_FREE)
            return mfn < page_to_mfn(head).n + (1ul << head->order);
    }
    return false;
}

static void scrub_want(uint64_t mfn, uint64_t n)
{
    freed_from = freed_to ? MIN(freed_from, mfn) : mfn;
    freed_to = MAX(freed_to, mfn + n);
}

static bool pass_begin(void)
{
    s_time_t now = time_now();

    if (!READ_ONCE(freed_to) || (pass_began && now - pass_began < SCRUB_PERIOD))
        return false;
    pass_began = now;
    spin_lock(&heap_lock);
    pass_at = freed_from;
    pass_end = freed_to;
    freed_from = freed_to = 0;
    spin_unlock(&heap_lock);
    pass_stamp = tlb_stamp();
    tlb_flush_since(&cpu_online_map, pass_stamp);
    return true;
}

/* Whether all CPUs have flushed since the frame was freed. */
static bool is_forgotten(const struct page_info *pg)
{
    return !(pg->type & FREED_STAMPED) || (int32_t)(pass_stamp - (uint32_t)pg->type) >= 0;
}

static void pass_go_on(void)
{
    spin_lock(&heap_lock);
    for (unsigned int i = 0; i < SCRUB_LOOK && pass_at < pass_end; i++) {
        uint64_t mfn = pass_at++;
        struct page_info *pg = frame_table + mfn;

        if ((pg->flags & PGF_CLEAN) || !is_free(mfn) || !is_forgotten(pg))
            continue;
        pg->type = 0;
        memset(page_to_virt(pg), 0, PAGE_SIZE);
        pg->flags |= PGF_CLEAN;
        break;
    }
    spin_unlock(&heap_lock);
}

bool heap_scrub_step(void)
{
    bool has_work;

    if ((pass_at >= pass_end && !READ_ONCE(freed_to)) ||
        __atomic_exchange_n(&is_scrubbing, true, __ATOMIC_ACQUIRE))
        return false;
    has_work = pass_at < pass_end || pass_begin();
    if (has_work)
        pass_go_on();
    __atomic_store_n(&is_scrubbing, false, __ATOMIC_RELEASE);
    return has_work;
}

void heap_free_pages(struct page_info *pg, unsigned int order)
{
    uint64_t mfn = page_to_mfn(pg).n;
    unsigned int node = numa_node_of_mfn(mfn);

    spin_lock(&heap_lock);
    n_free += 1ul << order;
    nodes[node].n_free += 1ul << order;
    scrub_want(mfn, 1ul << order);
    for (uint64_t i = 0; i < 1ul << order; i++) {
        struct page_info *frame = frame_table + mfn + i;

        frame->type = frame->owner_frame || frame->type ? FREED_STAMPED | tlb_stamp() : 0;
        frame->count = 0;
        frame->owner_frame = 0;
    }
    while (order < HEAP_MAX_ORDER) {
        uint64_t buddy = mfn ^ (1ul << order);
        if (buddy >= max_page || zone_of(buddy | 1) != zone_of(mfn))
            break;
        const struct page_info *b = frame_table + buddy;
        if (!(b->flags & PGF_FREE) || b->order != order || numa_node_of_mfn(buddy) != node)
            break;
        block_unlink(&nodes[node], buddy);
        mfn &= ~(1ul << order);
        order++;
    }
    block_link(mfn, order);
    spin_unlock(&heap_lock);
}

uint64_t heap_free_count(void)
{
    return n_free;
}

void heap_add_total(uint64_t frames)
{
    n_total += frames;
    nodes[0].n_total += frames;
}

uint64_t heap_node_free(unsigned int node)
{
    return node < NUMA_MAX_NODES ? nodes[node].n_free : 0;
}

uint64_t heap_node_total(unsigned int node)
{
    return node < NUMA_MAX_NODES ? nodes[node].n_total : 0;
}

/* Links a block, in halves where it reaches over a node's end. */
static void link_by_node(uint64_t mfn, unsigned int order)
{
    if (order && numa_node_end(mfn) < mfn + (1ul << order)) {
        link_by_node(mfn, order - 1);
        link_by_node(mfn + (1ul << (order - 1)), order - 1);
        return;
    }
    nodes[numa_node_of_mfn(mfn)].n_free += 1ul << order;
    block_link(mfn, order);
}

void heap_split_nodes(void (*activate)(void))
{
    uint32_t chain = 0;

    spin_lock(&heap_lock);
    for (uint64_t mfn; nodes[0].zones_with_blocks;) {
        unsigned int zone = (unsigned int)__builtin_ctzl(nodes[0].zones_with_blocks);

        mfn = nodes[0].free_head[zone][__builtin_ctz(nodes[0].orders_with_blocks[zone])];
        block_unlink(&nodes[0], mfn);
        frame_table[mfn].next = chain;
        chain = (uint32_t)mfn;
    }
    activate();
    nodes[0].n_free = nodes[0].n_total = 0;
    while (chain) {
        uint32_t mfn = chain;

        chain = frame_table[mfn].next;
        link_by_node(mfn, frame_table[mfn].order);
    }
    for (uint64_t mfn = 0; mfn < max_page; mfn++)
        if (frame_table[mfn].flags & PGF_RAM)
            nodes[numa_node_of_mfn(mfn)].n_total++;
    spin_unlock(&heap_lock);
}

uint64_t heap_total_count(void)
{
    return n_total;
}

static unsigned int size_order(size_t size)
{
    unsigned int order = 0;
    while ((PAGE_SIZE << order) < size)
        order++;
    return order;
}

void *mm_alloc_pages(unsigned int order)
{
    struct page_info *pg = heap_alloc_pages(order, HEAP_ZERO);

    return pg ? page_to_virt(pg) : NULL;
}

void mm_free_pages(void *p, unsigned int order)
{
    if (p)
        heap_free_pages(virt_to_page(p), order);
}

/*
 * Small objects: power-of-two size classes carved from single pages, each with a header that says
 * its class. A page goes back to the heap when its last object does.
 */
#define SLAB_MIN_SHIFT 5
#define SLAB_CLASSES   6 /* 32 .. 1024 bytes */
#define SLAB_MAGIC     0x51ab51abu

struct slab {
    uint32_t magic;
    uint16_t class, n_used;
    struct slab *prev, *next; /* pages of the class with room */
    void *free;               /* objects, linked through their first word */
};
static struct slab *slab_partial[SLAB_CLASSES];
static struct spinlock slab_lock = SPINLOCK_INIT(RANK_HEAP - 1);

static void slab_unlink(struct slab *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        slab_partial[s->class] = s->next;
    if (s->next)
        s->next->prev = s->prev;
}

static void slab_link(struct slab *s)
{
    s->prev = NULL;
    s->next = slab_partial[s->class];
    if (s->next)
        s->next->prev = s;
    slab_partial[s->class] = s;
}

static struct slab *slab_new(unsigned int class)
{
    size_t size = 1ul << (class + SLAB_MIN_SHIFT);
    struct slab *s = mm_alloc_pages(0);
    if (!s)
        return NULL;
    s->magic = SLAB_MAGIC;
    s->class = (uint16_t) class;
    for (size_t at = ROUND_UP(sizeof(*s), size); at + size <= PAGE_SIZE; at += size) {
        void **obj = (void **)((char *)s + at);
        *obj = s->free;
        s->free = obj;
    }
    slab_link(s);
    return s;
}

void *mm_alloc(size_t size)
{
    unsigned int class = 0;
    if (size > (1ul << (SLAB_MIN_SHIFT + SLAB_CLASSES - 1)))
        return size_order(size) > HEAP_MAX_ORDER ? NULL : mm_alloc_pages(size_order(size));
    while ((1ul << (class + SLAB_MIN_SHIFT)) < size)
        class ++;

    spin_lock(&slab_lock);
    struct slab *s = slab_partial[class] ? slab_partial[class] : slab_new(class);
    void **obj = NULL;
    if (s) {
        obj = s->free;
        s->free = *obj;
        s->n_used++;
        if (!s->free)
            slab_unlink(s);
    }
    spin_unlock(&slab_lock);
    return obj ? memset(obj, 0, 1ul << (class + SLAB_MIN_SHIFT)) : NULL;
}

/* Large allocations remember their order in the frame table. */
void mm_free(void *p)
{
    if (!p)
        return;
    if (((uint64_t)p & (PAGE_SIZE - 1)) == 0) {
        heap_free_pages(virt_to_page(p), virt_to_page(p)->order);
        return;
    }
    struct slab *s = (struct slab *)((uint64_t)p & PAGE_MASK);
    BUG_ON(s->magic != SLAB_MAGIC);
    spin_lock(&slab_lock);
    if (!s->free)
        slab_link(s);
    *(void **)p = s->free;
    s->free = p;
    bool empty = --s->n_used == 0;
    if (empty) {
        slab_unlink(s);
        s->magic = 0;
    }
    spin_unlock(&slab_lock);
    if (empty)
        mm_free_pages(s, 0);
}
