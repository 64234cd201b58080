/* SPDX-License-Identifier: MIT */
/* x86 PV state of domains and vCPUs: creation, contexts, teardown of page tables and memory. */
#include "arch/context.h"
#include "arch/fpu.h"
#include "arch/pv_desc.h"
#include "arch/pv_mm.h"
#include "arch/cpu.h"
#include "arch/smp.h"
#include "arch/trap.h"
#include "arch/vcpu_areas.h"
#include "console.h"
#include "guest.h"
#include "hypercall.h"
#include "lib/string.h"

#define L1_PAGES_MAX      (DOMAIN_MAX_VCPUS * PERDOMAIN_VCPU_PAGES / PT_ENTRIES)
#define RFLAGS_IOPL_SHIFT 12
#define TABLE_LINK        (PTE_P | PTE_W | PTE_A)

/* DR6 and DR7 with their fixed bits. */
static const uint64_t debug_reset[8] = {[6] = 0xffff0ff0, [7] = 0x400};

static int arch_create(struct domain *d)
{
    d->arch.perdomain_l3 = mm_alloc_pages(0);
    d->arch.perdomain_l2 = mm_alloc_pages(0);
    if (!d->arch.perdomain_l3 || !d->arch.perdomain_l2)
        return -ENOMEM;
    d->arch.perdomain_l3[0] = virt_to_paddr(d->arch.perdomain_l2) | TABLE_LINK;
    d->shared_info = mm_alloc_pages(0);
    if (!d->shared_info)
        return -ENOMEM;
    page_share(virt_to_page(d->shared_info), d, true);
    update_domain_wallclock(d);
    return 0;
}

static int arch_vcpu_create(struct vcpu *v)
{
    struct domain *d = v->domain;
    unsigned int first = v->id * PERDOMAIN_VCPU_PAGES;
    uint64_t *l2e = &d->arch.perdomain_l2[first / PT_ENTRIES];

    if (!*l2e) {
        void *l1 = mm_alloc_pages(0);
        if (!l1)
            return -ENOMEM;
        *l2e = virt_to_paddr(l1) | TABLE_LINK;
    }
    v->arch.gdt_ldt_ptes = (uint64_t *)paddr_to_virt(*l2e & PTE_ADDR) + first % PT_ENTRIES;
    pv_init_gdt(v);
    v->arch.traps = mm_alloc(256 * sizeof(*v->arch.traps));
    if (!v->arch.traps)
        return -ENOMEM;
    v->arch.flags = VCPU_KERNEL_MODE;
    v->arch.cr0 = 0x80050033;
    v->arch.cr4 = 0x620; /* PAE, OSFXSR, OSXMMEXCPT */
    memcpy(v->arch.dr, debug_reset, sizeof(debug_reset));
    v->vcpu_info->evtchn_upcall_mask = 1;
    vcpu_time_publish(v);
    return fpu_vcpu_init(v);
}

static void drop_l4(struct vcpu *v, paddr_t *cr3)
{
    if (*cr3) {
        page_put_table(v, mfn_to_page(paddr_to_mfn(*cr3)));
        *cr3 = 0;
    }
}

/* What could fault in the hypervisor when it is loaded, or name its memory, is refused. */
static bool context_ok(const vcpu_guest_context_t *c)
{
    bool in_kernel = c->flags & VGCF_in_kernel, has_user_tables = c->ctrlreg[1];

    return c->gdt_ents <= 14 * 512 && c->ldt_ents <= 8192 && !(c->ldt_base & (PAGE_SIZE - 1)) &&
           guest_range_ok(c->ldt_base, c->ldt_ents * 8) && pv_stack_ok(c->kernel_sp) &&
           pv_callback_ok(c->event_callback_eip) && pv_callback_ok(c->failsafe_callback_eip) &&
           pv_callback_ok(c->syscall_callback_eip) && pv_canonical(c->fs_base) &&
           pv_canonical(c->gs_base_kernel) && pv_canonical(c->gs_base_user) &&
           (in_kernel || has_user_tables);
}

int arch_vcpu_set_context(struct vcpu *v, const vcpu_guest_context_t *c)
{
    struct domain *d = v->domain;
    mfn_t l4 = MFN(c->ctrlreg[3] >> PAGE_SHIFT), user = MFN(c->ctrlreg[1] >> PAGE_SHIFT);
    uint64_t frames[14];

    if (!context_ok(c) || d->is_dying)
        return -EINVAL;
    int rc = deferred_put_run(current);
    if (rc || (rc = page_get_table(d, l4, PGT_L4, true)))
        return rc;
    if (c->ctrlreg[1] && (rc = page_get_table(d, user, PGT_L4, true))) {
        page_put_table(current, mfn_to_page(l4));
        return rc;
    }
    for (unsigned int i = 0; i < 14; i++)
        frames[i] = c->gdt_frames[i];
    if ((rc = pv_set_gdt(v, frames, c->gdt_ents))) {
        page_put_table(current, mfn_to_page(l4));
        if (c->ctrlreg[1])
            page_put_table(current, mfn_to_page(user));
        return rc;
    }
    if (v->arch.ldt_mapped) /* of the LDT it had */
        pv_ldt_unmap(v);
    drop_l4(current, &v->arch.cr3_kernel); /* a context given a second time replaces the first */
    drop_l4(current, &v->arch.cr3_user);
    v->arch.cr3_kernel = mfn_to_paddr(l4);
    v->arch.cr3_user = c->ctrlreg[1] ? mfn_to_paddr(user) : 0;
    const struct cpu_user_regs *u = &c->user_regs;
    v->arch.regs = (struct regs){
        .r15 = u->r15,
        .r14 = u->r14,
        .r13 = u->r13,
        .r12 = u->r12,
        .rbp = u->rbp,
        .rbx = u->rbx,
        .r11 = u->r11,
        .r10 = u->r10,
        .r9 = u->r9,
        .r8 = u->r8,
        .rax = u->rax,
        .rcx = u->rcx,
        .rdx = u->rdx,
        .rsi = u->rsi,
        .rdi = u->rdi,
        .rip = u->rip,
        .cs = u->cs | 3,
        .rflags = (u->rflags & 0x250dd5) | 0x202,
        .rsp = u->rsp,
        .ss = u->ss | 3,
    };
    v->arch.iopl = (uint32_t)(u->rflags >> RFLAGS_IOPL_SHIFT) & 3;
    v->arch.ds = u->ds;
    v->arch.es = u->es;
    v->arch.fs = u->fs;
    v->arch.gs = u->gs;
    v->arch.fs_base = c->fs_base;
    v->arch.gs_base_kernel = c->gs_base_kernel;
    v->arch.gs_base_user = c->gs_base_user;
    v->arch.kernel_sp = c->kernel_sp & ~15ul;
    v->arch.kernel_ss = (uint16_t)c->kernel_ss;
    v->arch.event_callback = c->event_callback_eip;
    v->arch.failsafe_callback = c->failsafe_callback_eip;
    v->arch.syscall_callback = c->syscall_callback_eip;
    v->arch.ldt_base = c->ldt_base;
    v->arch.ldt_entries = c->ldt_ents;
    v->arch.flags = c->flags & VGCF_in_kernel ? VCPU_KERNEL_MODE : 0;
    if (c->flags & VGCF_failsafe_disables_events)
        v->arch.flags |= VCPU_FAILSAFE_MASKS;
    if (c->flags & VGCF_syscall_disables_events)
        v->arch.flags |= VCPU_SYSCALL_MASKS;
    for (unsigned int i = 0; i < 256; i++)
        v->arch.traps[i] =
            (struct trap_gate){c->trap_ctxt[i].address, c->trap_ctxt[i].cs, c->trap_ctxt[i].flags};
    if (c->flags & VGCF_i387_valid)
        fpu_set_legacy(v, &c->fpu_ctxt);
    for (unsigned int i = 0; i < ARRAY_SIZE(c->debugreg); i++)
        if (pv_set_debugreg(v, i, c->debugreg[i]))
            v->arch.dr[i] = debug_reset[i]; /* Xen ignores what it cannot take, too */
    if (v->id == 0)
        d->vm_assist = c->vm_assist & PV_VM_ASSISTS;
    v->is_initialised = true;
    return 0;
}

void arch_vcpu_get_context(struct vcpu *v, vcpu_guest_context_t *c)
{
    const struct regs *r = v == current ? guest_regs() : &v->arch.regs;

    memset(c, 0, sizeof(*c));
    c->user_regs = (struct cpu_user_regs){
        .r15 = r->r15,
        .r14 = r->r14,
        .r13 = r->r13,
        .r12 = r->r12,
        .rbp = r->rbp,
        .rbx = r->rbx,
        .r11 = r->r11,
        .r10 = r->r10,
        .r9 = r->r9,
        .r8 = r->r8,
        .rax = r->rax,
        .rcx = r->rcx,
        .rdx = r->rdx,
        .rsi = r->rsi,
        .rdi = r->rdi,
        .rip = r->rip,
        .cs = (uint16_t)r->cs,
        .rflags = r->rflags | (uint64_t)v->arch.iopl << RFLAGS_IOPL_SHIFT,
        .rsp = r->rsp,
        .ss = (uint16_t)r->ss,
        .ds = v->arch.ds,
        .es = v->arch.es,
        .fs = v->arch.fs,
        .gs = v->arch.gs,
    };
    c->flags = (v->is_initialised && !(v->pause_flags & VPF_DOWN) ? VGCF_online : 0) |
               (v->arch.flags & VCPU_KERNEL_MODE ? VGCF_in_kernel : 0) | VGCF_i387_valid;
    memcpy(&c->fpu_ctxt, v->arch.fpu, sizeof(c->fpu_ctxt));
    for (unsigned int i = 0; i < 256; i++) {
        const struct trap_gate *t = &v->arch.traps[i];
        c->trap_ctxt[i] = (trap_info_t){
            .vector = (uint8_t)i, .flags = t->flags, .cs = t->cs, .address = t->address};
    }
    c->ldt_base = v->arch.ldt_base;
    c->ldt_ents = v->arch.ldt_entries;
    for (unsigned int i = 0; i < 14; i++)
        c->gdt_frames[i] = v->arch.gdt_frame[i].n;
    c->gdt_ents = v->arch.gdt_entries;
    c->kernel_sp = v->arch.kernel_sp;
    c->kernel_ss = v->arch.kernel_ss;
    c->ctrlreg[0] = v->arch.cr0;
    c->ctrlreg[1] = v->arch.cr3_user;
    c->ctrlreg[3] = v->arch.cr3_kernel;
    c->ctrlreg[4] = v->arch.cr4;
    memcpy(c->debugreg, v->arch.dr, sizeof(c->debugreg));
    c->vm_assist = v->domain->vm_assist;
    c->event_callback_eip = v->arch.event_callback;
    c->failsafe_callback_eip = v->arch.failsafe_callback;
    c->syscall_callback_eip = v->arch.syscall_callback;
    c->fs_base = v->arch.fs_base;
    c->gs_base_kernel = v->arch.gs_base_kernel;
    c->gs_base_user = v->arch.gs_base_user;
}

void arch_fill_hypercall_page(void *page)
{
    memset(page, 0xcc, PAGE_SIZE);
    for (unsigned int i = 0; i < PAGE_SIZE / 32; i++) {
        uint8_t *p = (uint8_t *)page + i * 32;
        if (i == __HYPERVISOR_iret) { /* push rcx, r11, rax; the call does not return */
            static const uint8_t saves[] = {0x51, 0x41, 0x53, 0x50};
            memcpy(p, saves, sizeof(saves));
            p += sizeof(saves);
        }
        p[0] = 0xb8; /* mov $i, %eax */
        memcpy(p + 1, &i, 4);
        p[5] = 0x0f; /* syscall */
        p[6] = 0x05;
        p[7] = 0xc3;
    }
}

/* --- end of a domain --- */

/* The next page whose allocation still stands, referenced and moved to the list of those done. */
static struct page_info *take_page(struct domain *d)
{
    struct page_info *pg = NULL;

    for (;;) {
        spin_lock(&d->page_lock);
        pg = d->pages.head ? frame_table + d->pages.head : NULL;
        if (!pg || page_get(pg, d))
            break;
        /* Another CPU has just dropped the last reference and waits for the lock to take it out. */
        spin_unlock(&d->page_lock);
        cpu_serve_requests();
        cpu_relax();
    }
    if (pg) {
        page_list_move(&d->pages, &d->relinquished, pg);
        page_flag_set(pg, PGF_RELINQUISHED);
    }
    spin_unlock(&d->page_lock);
    return pg;
}

/* Ends pins, half-done types and the allocation's reference. -ERESTART_HYPERCALL: with the page
 * done later. */
static int relinquish_page(struct domain *d, struct page_info *pg)
{
    if (__atomic_fetch_and(&pg->type, ~PGT_PINNED, __ATOMIC_SEQ_CST) & PGT_PINNED)
        page_put_table(current, pg); /* with the pin's reference */
    int rc = page_type_continue_put(pg, true);

    if (rc) { /* it goes back to where take_page finds it */
        spin_lock(&d->page_lock);
        page_flag_clear(pg, PGF_RELINQUISHED);
        page_list_move(&d->relinquished, &d->pages, pg);
        spin_unlock(&d->page_lock);
    } else
        page_release_allocation(pg);
    page_put(pg);
    return rc;
}

static int relinquish_memory(struct domain *d)
{
    struct page_info *pg;

    for (unsigned int steps = 1;; steps++) {
        if (steps % 64 == 0 && hypercall_preempt_check())
            return -ERESTART_HYPERCALL;
        int rc = deferred_put_run(current);
        if (rc)
            return rc;
        pg = take_page(d);
        if (!pg)
            return 0;
        rc = relinquish_page(d, pg);
        if (rc)
            return rc;
    }
}

static int arch_teardown(struct domain *d)
{
    struct vcpu *v;
    int rc;

    for_each_vcpu (d, v) {
        while (v->arch.n_deferred)
            if ((rc = deferred_put_run(v)))
                return rc;
        if ((rc = deferred_put_run(current)))
            return rc;
        drop_l4(current, &v->arch.cr3_kernel);
        if ((rc = deferred_put_run(current)))
            return rc;
        drop_l4(current, &v->arch.cr3_user);
        if (v->arch.ldt_mapped)
            pv_ldt_unmap(v);
        pv_drop_gdt(v);
    }
    return relinquish_memory(d);
}

static void arch_free(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        mm_free(v->arch.traps);
        fpu_vcpu_free(v);
    }
    for (unsigned int i = 0; d->arch.perdomain_l2 && i < L1_PAGES_MAX; i++)
        if (d->arch.perdomain_l2[i])
            mm_free_pages(paddr_to_virt(d->arch.perdomain_l2[i] & PTE_ADDR), 0);
    mm_free_pages(d->arch.perdomain_l2, 0);
    mm_free_pages(d->arch.perdomain_l3, 0);
    if (d->shared_info && page_unshare(virt_to_page(d->shared_info)))
        mm_free_pages(d->shared_info, 0);
    mm_free(d->arch.memory_map);
    mm_free(d->arch.policy);
}

const struct domain_room arch_room = {.name = "pv",
                                      .create = arch_create,
                                      .vcpu_create = arch_vcpu_create,
                                      .teardown = arch_teardown,
                                      .free = arch_free};
