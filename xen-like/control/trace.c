/* SPDX-License-Identifier: MIT */
/*
 * Trace records by CPU. A buffer has one writer, its CPU with interrupts off, and one reader, a
 * tool in dom0, who moves `cons`; offsets run to twice the size, so that full and empty differ. A
 * record does not cross the buffer's end: a filler takes the rest. What finds no room is counted
 * and told in a record of its own when there is room again.
 */
#include "trace.h"
#include "arch/cpu.h"
#include "arch/current.h"
#include "arch/smp.h"
#include "domain.h"
#include "event.h"
#include "lib/string.h"

struct trace_buffer {
    struct t_buf *shared; /* the header; records follow */
    uint32_t bytes;       /* of records */
    uint32_t prod;        /* the shared one follows it: what dom0 writes there is not read */
    uint32_t lost;
    uint64_t first_lost; /* TSC */
};

uint32_t trace_wanted;
static uint32_t event_mask = TRC_ALL;
static struct cpumask cpus_wanted;
static struct trace_buffer *buffers; /* by CPU */
static struct t_info *info;
static unsigned int info_order, buffer_pages;

static bool is_wanted(uint32_t event)
{
    uint32_t both = trace_wanted & event;

    return both >> TRC_CLS_SHIFT && (both >> TRC_SUBCLS_SHIFT & 0xf) &&
           cpumask_test(&cpus_wanted, cpu_number());
}

static uint32_t record_bytes(unsigned int n_words, bool has_time)
{
    return (1 + 2 * has_time + n_words) * sizeof(uint32_t);
}

/* Bytes that are free; 0 when the tool's offset makes no sense. */
static uint32_t room_of(const struct trace_buffer *b)
{
    uint32_t prod = b->prod, cons = READ_ONCE(b->shared->cons);
    uint32_t used = prod >= cons ? prod - cons : prod + 2 * b->bytes - cons;
    bool makes_sense = cons < 2 * b->bytes && cons % sizeof(uint32_t) == 0;

    return makes_sense && used <= b->bytes ? b->bytes - used : 0;
}

static uint32_t to_the_end(const struct trace_buffer *b)
{
    return b->bytes - b->prod % b->bytes;
}

static void put(struct trace_buffer *b, uint32_t event, bool has_time, unsigned int n,
                const uint32_t *words)
{
    uint32_t prod = b->prod;
    uint32_t *at = (uint32_t *)((char *)(b->shared + 1) + prod % b->bytes);
    uint64_t now = cpu_rdtsc();

    *at++ = (event & 0x0fffffff) | n << 28 | (uint32_t)has_time << 31;
    if (has_time) {
        *at++ = (uint32_t)now;
        *at++ = (uint32_t)(now >> 32);
    }
    for (unsigned int i = 0; i < n; i++)
        at[i] = words ? words[i] : 0;
    prod += record_bytes(n, has_time);
    b->prod = prod >= 2 * b->bytes ? prod - 2 * b->bytes : prod;
    __atomic_store_n(&b->shared->prod, b->prod, __ATOMIC_RELEASE);
}

/* Puts a record with the time, after a filler if it would cross the end; false without room. */
static bool put_whole(struct trace_buffer *b, uint32_t event, unsigned int n, const uint32_t *words)
{
    uint32_t bytes = record_bytes(n, true), rest = to_the_end(b);
    uint32_t filler = bytes > rest ? rest : 0;

    if (room_of(b) < bytes + filler)
        return false;
    if (filler) {
        unsigned int fill = filler / sizeof(uint32_t) - 1;
        bool has_time = fill > TRACE_WORDS_MAX;

        put(b, TRC_TRACE_WRAP_BUFFER, has_time, fill - 2 * has_time, NULL);
    }
    put(b, event, true, n, words);
    return true;
}

static bool put_lost(struct trace_buffer *b)
{
    const uint32_t words[] = {b->lost, TRACE_VCPU(current), (uint32_t)b->first_lost,
                              (uint32_t)(b->first_lost >> 32)};

    if (!put_whole(b, TRC_LOST_RECORDS, ARRAY_SIZE(words), words))
        return false;
    b->lost = 0;
    return true;
}

void trace_record(uint32_t event, unsigned int n, const uint32_t *words)
{
    struct trace_buffer *b;
    uint32_t before;

    if (!is_wanted(event))
        return;
    b = &buffers[cpu_number()];
    before = room_of(b);
    if ((b->lost && !put_lost(b)) || !put_whole(b, event, n, words)) {
        if (b->lost++ == 0)
            b->first_lost = cpu_rdtsc();
        return;
    }
    /* The reader hears of it once, when half the buffer has filled. */
    if (before >= b->bytes / 2 && room_of(b) < b->bytes / 2)
        softirq_raise(SOFTIRQ_TRACE);
}

void trace_hypercall(uint64_t number)
{
    const uint32_t word = (uint32_t)number;

    trace_record(TRC_PV_HYPERCALL_V2, 1, &word);
}

void trace_tell_reader(void)
{
    send_global_virq(VIRQ_TBUF);
}

/* The table for the tools: for each CPU where its list of frames begins. */
static int make_info(unsigned int pages, unsigned int n_cpus)
{
    size_t header = sizeof(*info) + n_cpus * sizeof(info->mfn_offset[0]);
    size_t lists = ROUND_UP(header, sizeof(uint32_t)) / sizeof(uint32_t);
    size_t bytes = (lists + (size_t)n_cpus * pages) * sizeof(uint32_t);

    if (lists + (size_t)n_cpus * pages > UINT16_MAX)
        return -EINVAL;
    while ((PAGE_SIZE << info_order) < bytes)
        info_order++;
    info = mm_alloc_pages(info_order);
    if (!info)
        return -ENOMEM;
    info->tbuf_size = (uint16_t)pages;
    for (unsigned int cpu = 0; cpu < n_cpus; cpu++)
        info->mfn_offset[cpu] = (uint16_t)(lists + (size_t)cpu * pages);
    for (unsigned int i = 0; i < 1u << info_order; i++)
        page_share(virt_to_page(info) + i, dom_xen, false);
    return 0;
}

static unsigned int order_of(unsigned int pages)
{
    unsigned int order = 0;

    while (1u << order < pages)
        order++;
    return order;
}

static int make_buffer(unsigned int cpu, unsigned int pages)
{
    struct t_buf *shared = mm_alloc_pages(order_of(pages));

    if (!shared)
        return -ENOMEM;
    for (unsigned int i = 0; i < pages; i++) {
        page_share(virt_to_page(shared) + i, dom_xen, true);
        ((uint32_t *)info)[info->mfn_offset[cpu] + i] = (uint32_t)(virt_to_mfn(shared).n + i);
    }
    buffers[cpu].bytes = (uint32_t)(pages * PAGE_SIZE - sizeof(*shared));
    buffers[cpu].shared = shared;
    return 0;
}

static void give_up(unsigned int n_cpus, unsigned int pages)
{
    for (unsigned int cpu = 0; cpu < n_cpus; cpu++) {
        if (!buffers[cpu].shared)
            continue;
        for (unsigned int i = 0; i < pages; i++)
            page_unshare(virt_to_page(buffers[cpu].shared) + i);
        mm_free_pages(buffers[cpu].shared, order_of(pages));
    }
    for (unsigned int i = 0; info && i < 1u << info_order; i++)
        page_unshare(virt_to_page(info) + i);
    mm_free_pages(info, info_order);
    mm_free(buffers);
    info = NULL;
    buffers = NULL;
    info_order = 0;
}

int trace_set_size(unsigned int pages)
{
    unsigned int n_cpus = smp_cpu_count();
    int rc;

    if (pages == 0 || pages > TRACE_PAGES_MAX)
        return -EINVAL;
    if (buffers)
        return pages == buffer_pages ? 0 : -EBUSY;
    buffers = mm_alloc(n_cpus * sizeof(*buffers));
    rc = buffers ? make_info(pages, n_cpus) : -ENOMEM;
    for (unsigned int cpu = 0; rc == 0 && cpu < n_cpus; cpu++)
        rc = make_buffer(cpu, pages);
    if (rc) {
        give_up(n_cpus, pages);
        return rc;
    }
    buffer_pages = pages;
    cpus_wanted = cpu_online_map;
    return 0;
}

int trace_enable(void)
{
    if (!buffers)
        return -EINVAL;
    WRITE_ONCE(trace_wanted, event_mask);
    return 0;
}

void trace_disable(void)
{
    WRITE_ONCE(trace_wanted, 0);
}

void trace_set_events(uint32_t mask)
{
    event_mask = mask;
    if (trace_wanted)
        WRITE_ONCE(trace_wanted, mask);
}

uint32_t trace_events(void)
{
    return event_mask;
}

void trace_set_cpus(uint64_t low, uint64_t high)
{
    cpus_wanted.word[0] = low;
    cpus_wanted.word[1] = high;
}

void trace_info(uint64_t *mfn, uint32_t *bytes)
{
    *mfn = info ? virt_to_mfn(info).n : 0;
    *bytes = info ? (uint32_t)(PAGE_SIZE << info_order) : 0;
}
