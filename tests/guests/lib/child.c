/* SPDX-License-Identifier: MIT */
/* Building, watching and ending children: the parent's side, and the few lines of a child's own. */
#define __XEN_TOOLS__ 1
#include "lib/control_op.h"
#include "lib/child.h"
#include "lib/report.h"
#include "runtime/clock.h"
#include "runtime/console.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

#define FREE_PAGES           1024
#define FLAT_CS              0xe033
#define FLAT_SS              0xe02b
#define KERNEL_EVENTS        0x200 /* RFLAGS.IF */
#define SELF_MFN(c, address) ((c)->mfn[((uint64_t)(address)-VIRT_BASE) >> PAGE_SHIFT])

volatile uint64_t mailbox[MAILBOX_WORDS] __attribute__((aligned(4096), section(".bss.page")));

extern char image_start[], image_end[], hypercall_page[], _start[];
extern const struct role roles_start[], roles_end[];

static struct xen_domctl op;

/* --- the child's memory, one page at a time through a window --- */

static void *window;

static long foreign_map(void *at, domid_t id, uint64_t mfn, uint64_t flags)
{
    return hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, arg(at), pte_make(mfn, flags),
                      UVMF_INVLPG, id);
}

static void *window_to(const struct child *child, uint64_t pfn)
{
    long answer;

    if (!window)
        window = page_alloc();
    answer = foreign_map(window, child->id, child->mfn[pfn], PROT_RW);
    if (answer)
        guest_panic("cannot map pfn %lx of domain %u: %ld", pfn, child->id, answer);
    return window;
}

static void window_close(void *at)
{
    uint64_t own = page_mfn(at);

    pte_set(at, pte_make(own, PROT_RW));
}

/* A page of the child's that stays mapped. */
static void *keep_mapped(const struct child *child, uint64_t mfn)
{
    void *at = page_alloc();

    if (foreign_map(at, child->id, mfn, PROT_RW))
        guest_panic("cannot map frame %lx of domain %u", mfn, child->id);
    return at;
}

static void put_bytes(const struct child *child, uint64_t at, const uint8_t *from, size_t length)
{
    while (length) {
        size_t n = PAGE_SIZE - (at & (PAGE_SIZE - 1));

        if (n > length)
            n = length;
        memcpy((char *)window_to(child, at >> PAGE_SHIFT) + (at & (PAGE_SIZE - 1)), from, n);
        at += n, from += n, length -= n;
    }
}

/* --- the steps of a build --- */

/* What lies where behind the image, by pfn. */
struct plan {
    uint64_t p2m, start_info, console, l4, l3, l2, l1, n_l1;
};

static struct plan plan_of(struct child *child)
{
    struct plan plan;
    uint64_t pfn = ((uint64_t)image_end - VIRT_BASE) >> PAGE_SHIFT;

    child->n_pages = pfn + FREE_PAGES;
    plan.p2m = pfn, pfn += (child->n_pages * 8 + PAGE_SIZE - 1) >> PAGE_SHIFT;
    plan.start_info = pfn++;
    plan.console = pfn++;
    plan.l4 = pfn++;
    plan.l3 = pfn++;
    plan.l2 = pfn++;
    plan.l1 = pfn;
    plan.n_l1 = (child->n_pages + 511) / 512;
    return plan;
}

static bool is_table(const struct plan *plan, uint64_t pfn)
{
    return pfn >= plan->l4 && pfn < plan->l1 + plan->n_l1;
}

static bool refused(const struct child *child, const char *what, long answer)
{
    if (answer)
        report_error("%s of child '%s' (domain %u): %ld", what, child->role, child->id, answer);
    return answer != 0;
}

static bool create(struct child *child)
{
    long answer;

    memset(&op, 0, sizeof(op));
    op.u.createdomain = (struct xen_domctl_createdomain){.handle = {0xc0},
                                                         .max_vcpus = child->n_vcpus,
                                                         .max_evtchn_port = 4095,
                                                         .max_grant_frames = 8,
                                                         .max_maptrack_frames = 8,
                                                         .grant_opts = XEN_DOMCTL_GRANT_version(1)};
    answer = domctl(&op, XEN_DOMCTL_createdomain, 0);
    if (refused(child, "creation", answer))
        return false;
    child->id = op.domain;
    op.u.max_vcpus.max = child->n_vcpus;
    if (refused(child, "vCPUs", domctl(&op, XEN_DOMCTL_max_vcpus, child->id)))
        return false;
    op.u.max_mem.max_memkb = (child->n_pages + 64) * 4;
    return !refused(child, "memory limit", domctl(&op, XEN_DOMCTL_max_mem, child->id));
}

static bool populate(struct child *child)
{
    struct xen_memory_reservation r = {.nr_extents = child->n_pages, .domid = child->id};

    for (unsigned int i = 0; i < child->n_pages; i++)
        child->mfn[i] = i;
    set_xen_guest_handle(r.extent_start, child->mfn);
    return !refused(child, "memory",
                    hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, arg(&r)) -
                        (long)child->n_pages);
}

/* ELF64, of which only the program headers matter here (System V ABI, chapter 5). */
struct elf64 {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum;
};
struct elf64_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

static bool load_image(const struct child *child)
{
    const uint8_t *file = (const uint8_t *)start_info->mod_start;
    const struct elf64 *elf = (const void *)file;

    if (!start_info->mod_len || memcmp(elf->ident, "\177ELF", 4)) {
        report_error("no ramdisk: a test with children is given its own file as the ramdisk");
        return false;
    }
    for (unsigned int i = 0; i < elf->phnum; i++) {
        const struct elf64_segment *s = (const void *)(file + elf->phoff + i * elf->phentsize);

        if (s->type == 1)
            put_bytes(child, s->paddr, file + s->offset, s->filesz);
    }
    return true;
}

static void build_tables(const struct child *child, const struct plan *plan)
{
    uint64_t *table = window_to(child, plan->l4);

    table[511] = pte_make(child->mfn[plan->l3], PROT_TABLE);
    table = window_to(child, plan->l3);
    table[510] = pte_make(child->mfn[plan->l2], PROT_TABLE);
    table = window_to(child, plan->l2);
    for (unsigned int i = 0; i < plan->n_l1; i++)
        table[i] = pte_make(child->mfn[plan->l1 + i], PROT_TABLE);
    for (unsigned int pfn = 0; pfn < child->n_pages; pfn++) {
        if (pfn % 512 == 0)
            table = window_to(child, plan->l1 + pfn / 512);
        table[pfn % 512] = pte_make(child->mfn[pfn], is_table(plan, pfn) ? PROT_RO : PROT_RW);
    }
}

static void set_text(char *buffer, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    format_text(buffer, size, format, args);
    va_end(args);
}

static void fill_start_info(struct child *child, const struct plan *plan, uint64_t shared_info,
                            uint32_t port, uint64_t argument)
{
    struct start_info *info = window_to(child, plan->start_info);

    memcpy(info->magic, "xen-3.0-x86_64", sizeof("xen-3.0-x86_64"));
    info->nr_pages = child->n_pages;
    info->shared_info = shared_info << PAGE_SHIFT;
    info->pt_base = VIRT_BASE + (plan->l4 << PAGE_SHIFT);
    info->nr_pt_frames = 3 + plan->n_l1;
    info->mfn_list = VIRT_BASE + (plan->p2m << PAGE_SHIFT);
    info->console.domU.mfn = child->mfn[plan->console];
    info->console.domU.evtchn = port;
    set_text((char *)info->cmd_line, sizeof(info->cmd_line), "role=%s argument=%lu id=%u",
             child->role, argument, child->id);
}

static long start_vcpu(const struct child *child, const struct plan *plan)
{
    static struct vcpu_guest_context context;

    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.rip = (uint64_t)_start;
    context.user_regs.cs = FLAT_CS;
    context.user_regs.ss = context.user_regs.ds = context.user_regs.es = FLAT_SS;
    context.user_regs.rflags = KERNEL_EVENTS;
    context.user_regs.rsp = (uint64_t)image_end;
    context.user_regs.rsi = VIRT_BASE + (plan->start_info << PAGE_SHIFT);
    context.kernel_ss = FLAT_SS;
    context.kernel_sp = (uint64_t)image_end;
    context.ctrlreg[3] = child->mfn[plan->l4] << PAGE_SHIFT;
    op.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, &context);
    return domctl(&op, XEN_DOMCTL_setvcpucontext, child->id);
}

static long pin_tables(const struct child *child, const struct plan *plan)
{
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = child->mfn[plan->l4]};

    window_close(window);
    return hypercall4(__HYPERVISOR_mmuext_op, arg(&pin), 1, 0, child->id);
}

static bool build(struct child *child, uint64_t argument)
{
    struct plan plan = plan_of(child);
    long port;

    if (!create(child) || !populate(child) || !load_image(child))
        return false;
    put_bytes(child, plan.p2m << PAGE_SHIFT, (const uint8_t *)child->mfn, child->n_pages * 8);
    build_tables(child, &plan);
    if (refused(child, "description", domctl(&op, XEN_DOMCTL_getdomaininfo, child->id)))
        return false;
    uint64_t shared = op.u.getdomaininfo.shared_info_frame;
    port = event_alloc_unbound(child->id, 0);
    fill_start_info(child, &plan, shared, port, argument);
    op.u.hypercall_init.gmfn = SELF_MFN(child, hypercall_page);
    if (refused(child, "hypercall page", domctl(&op, XEN_DOMCTL_hypercall_init, child->id)) ||
        refused(child, "page tables", pin_tables(child, &plan)) ||
        refused(child, "first vCPU", start_vcpu(child, &plan)))
        return false;
    child->mailbox = keep_mapped(child, SELF_MFN(child, mailbox));
    child->console = keep_mapped(child, child->mfn[plan.console]);
    child->port = event_connect(child->id, port);
    return child->port > 0;
}

bool child_start(struct child *child, const char *role, uint64_t argument, unsigned int n_vcpus)
{
    memset(child, 0, sizeof(*child));
    child->role = role;
    child->n_vcpus = n_vcpus;
    child->at_line_start = true;
    if (!build(child, argument)) {
        if (child->id)
            child_destroy(child);
        return false;
    }
    return !refused(child, "start", domctl(&op, XEN_DOMCTL_unpausedomain, child->id));
}

/* --- watching --- */

static void relay_console(struct child *child)
{
    struct xencons_interface *ring = child->console;
    XENCONS_RING_IDX prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE),
                     cons = ring->out_cons;

    if (prod - cons > sizeof(ring->out))
        cons = prod; /* a wild guest's nonsense */
    for (; cons != prod; cons++) {
        char c = ring->out[MASK_XENCONS_IDX(cons, ring->out)];

        if (child->at_line_start)
            print("  %s %u: ", child->role, child->id);
        print("%c", c);
        child->at_line_start = c == '\n';
    }
    __atomic_store_n(&ring->out_cons, cons, __ATOMIC_RELEASE);
}

static void pause_for(uint64_t until, evtchn_port_t port)
{
    struct sched_poll poll = {.nr_ports = 1, .timeout = until};

    event_clear(port);
    set_xen_guest_handle(poll.ports, &port);
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, arg(&poll));
}

int child_wait(struct child *child, unsigned int milliseconds)
{
    uint64_t end = clock_now() + milliseconds * 1000000ul;

    for (;;) {
        uint64_t now = clock_now(), step = now + 2000000;

        if (domctl(&op, XEN_DOMCTL_getdomaininfo, child->id) || op.domain != child->id)
            guest_panic("domain %u is gone", child->id);
        uint32_t flags = op.u.getdomaininfo.flags;
        relay_console(child);
        if (flags & XEN_DOMINF_shutdown)
            return flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
        if (now >= end)
            return CHILD_RUNS;
        pause_for(step < end ? step : end, child->port);
    }
}

void child_destroy(struct child *child)
{
    window_close(window);
    if (child->mailbox) {
        relay_console(child);
        window_close((void *)child->mailbox);
        page_free((void *)child->mailbox);
        window_close(child->console);
        page_free(child->console);
    }
    if (child->port > 0)
        event_close(child->port);
    long answer;
    do
        answer = domctl(&op, XEN_DOMCTL_destroydomain, child->id);
    while (answer == -XEN_EAGAIN);
    if (answer)
        report_error("destroying domain %u: %ld", child->id, answer);
    child->mailbox = 0;
}

int child_run(const char *role, uint64_t argument, unsigned int n_vcpus, unsigned int milliseconds)
{
    static struct child child;

    if (!child_start(&child, role, argument, n_vcpus))
        return CHILD_RUNS;
    int reason = child_wait(&child, milliseconds);
    if (reason == CHILD_RUNS)
        print("  child '%s' (%lu) did not end in %u ms\n", role, argument, milliseconds);
    child_destroy(&child);
    return reason;
}

void child_sleep(uint64_t nanoseconds)
{
    struct sched_poll poll = {.timeout = clock_now() + nanoseconds};

    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, arg(&poll));
}

static const struct xen_sysctl_physinfo *machine(void)
{
    static struct xen_sysctl sysctl;

    sysctl.cmd = XEN_SYSCTL_physinfo;
    sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    if (hypercall1(__HYPERVISOR_sysctl, arg(&sysctl)))
        guest_panic("physinfo is refused");
    return &sysctl.u.physinfo;
}

uint64_t machine_free_pages(void)
{
    return machine()->free_pages;
}

unsigned int machine_cpus(void)
{
    return machine()->nr_cpus;
}

/* --- in a child --- */

/* The text after `name=` on the command line, or NULL. */
static const char *word_value(const char *name)
{
    size_t length = strlen(name);

    for (const char *at = (const char *)start_info->cmd_line; *at; at++)
        if ((at == (const char *)start_info->cmd_line || at[-1] == ' ') &&
            !strncmp(at, name, length) && at[length] == '=')
            return at + length + 1;
    return 0;
}

uint64_t guest_number(const char *name, uint64_t otherwise)
{
    const char *at = word_value(name);
    uint64_t value = 0;

    if (!at)
        return otherwise;
    while (*at >= '0' && *at <= '9')
        value = value * 10 + (*at++ - '0');
    return value;
}

domid_t child_id(void)
{
    return guest_number("id", 0);
}

bool child_is_self(void)
{
    return !guest_is_dom0() && word_value("role");
}

bool child_run_role(void)
{
    const char *name = word_value("role");

    for (const struct role *role = roles_start; role < roles_end; role++) {
        size_t length = strlen(role->name);

        if (!strncmp(name, role->name, length) && name[length] == ' ') {
            role->run(guest_number("argument", 0));
            return report_is_good();
        }
    }
    guest_panic("no role '%s'", name);
}
