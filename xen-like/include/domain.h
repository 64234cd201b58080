/* SPDX-License-Identifier: MIT */
/*
 * Domains and vCPUs: the structs every room hangs its state on, and their life.
 *
 * A struct domain occupies whole pages of the direct map (page_info.owner_frame names it). It is
 * found by id, kept alive by references (domain_get/domain_put), torn down in preemptible steps by
 * domain_kill and freed with the last reference. Rooms attach their per-domain state through struct
 * domain_room.
 */
#ifndef CORBEL_DOMAIN_H
#define CORBEL_DOMAIN_H

#include "types.h"

#include <xen/xen.h>
#include <xen/vcpu.h>
#include <xen/sched.h>

#include "errno.h"
#include "spinlock.h"
#include "mm.h"
#include "timer.h"
#include "sched.h"
#include "cpumask.h"
#include "lib/list.h"
#include "lib/rangeset.h"
#include "arch/state.h"

#define DOMAIN_MAX_VCPUS 128
#define DOMID_LIMIT      DOMID_FIRST_RESERVED

struct evtchn_table; /* event/ */
struct grant_table;  /* grant/ */
struct pirq_table;   /* arch/x86/irq */

enum vcpu_pause_flags {
    VPF_BLOCKED = 1 << 0, /* waits for an event */
    VPF_DOWN = 1 << 1,    /* not brought up yet, or taken down */
    VPF_POLLING = 1 << 2, /* SCHEDOP_poll */
    VPF_PAUSED = 1 << 3,  /* pause_count > 0 (own or the domain's) */
    VPF_PARKED = 1 << 4,  /* its domain's cap is used up until the next period */
};

struct vcpu {
    struct domain *domain;
    unsigned int id;
    unsigned int pause_flags; /* VPF_*: runnable when 0; changed atomically */
    unsigned int pause_count;
    bool is_initialised;
    bool is_running; /* its registers are on a CPU: `cpu` */
    bool is_idle;
    unsigned int
        cpu; /* where it runs, waits or ran last: that CPU's run queue lock guards its scheduling */
    struct cpumask hard_affinity, soft_affinity; /* as the toolstack set them */
    bool pin_override;       /* SCHEDOP_pin_override holds: hard_affinity is not the toolstack's */
    struct cpumask allowed;  /* where it may run: affinity, pool and running CPUs */
    struct sched_unit sched; /* scheduler's state */

    vcpu_info_t *vcpu_info;   /* never NULL: shared_info's slot, a registered page, or a dummy */
    vcpu_info_t private_info; /* until one is registered, for ids the shared page has no slot for */
    struct page_info *vcpu_info_page; /* registered page, writable reference held, or NULL */
    vcpu_runstate_info_t runstate;
    uint64_t runstate_guest; /* guest virtual address registered, 0 = none */
    uint64_t time_guest;     /* VCPUOP_register_vcpu_time_memory_area, 0 = none */
    struct timer singleshot; /* VCPUOP_set_singleshot_timer */
    struct timer periodic;
    s_time_t periodic_period;
    struct timer poll_timer; /* SCHEDOP_poll timeout */
    uint32_t poll_port;      /* polled port, 0 when several */
    evtchn_port_t
        virq_port[NR_VIRQS]; /* per-vCPU and global VIRQs bound to this vCPU; 0 = unbound */

    struct hypercall_state *hc; /* reserved for typed continuations */
    struct arch_vcpu arch;
};

#define DOMAIN_WATCHDOGS 2

/* SCHEDOP_watchdog's timers; all under `lock` (RANK_WATCHDOG). */
struct domain_watchdogs {
    struct spinlock lock;
    unsigned int in_use; /* bits */
    struct timer timer[DOMAIN_WATCHDOGS];
};

struct domain {
    domid_t id;
    uint64_t serial; /* of all domains there ever were, from 1: ids and memory are used again */
    bool is_control; /* dom0: may call control and hardware operations */
    bool is_dying;
    bool has_run; /* was unpaused once: what its kernel may have looked at is fixed */
    bool is_shut_down;
    bool is_shutting_down;
    uint8_t shutdown_code; /* SHUTDOWN_* */
    unsigned int refcount;
    struct spinlock pause_lock;     /* RANK_PAUSE: both kinds of pause counts and VPF_PAUSED */
    unsigned int pause_count;       /* by the system or toolstack */
    unsigned int controller_pauses; /* part of pause_count the toolstack may take back */
    bool is_dead;                   /* torn down; freed with the last reference */
    xen_domain_handle_t handle;
    uint32_t ssidref;
    uint32_t createflags;      /* XEN_DOMCTL_CDF_* */
    struct domain *next_by_id; /* in the list of all domains; read without a lock */
    struct domain *next_dead;  /* domain/reap.c */
    struct cpumask unseen_by;  /* domain/reap.c: CPUs that may still look at it */
    struct spinlock lock;      /* RANK_DOMAIN: life, vCPU set */

    struct spinlock page_lock; /* RANK_PAGE: the six below */
    struct page_list pages;
    struct page_list
        relinquished; /* of a dying domain: allocation dropped, others hold them still */
    uint64_t n_pages; /* frames owned and counted */
    uint64_t max_pages;
    unsigned int n_shared_pages;
    uint64_t n_outstanding; /* claimed, not yet allocated */

    shared_info_t *shared_info; /* one page of ours, page_share()d with the guest */
    uint64_t vm_assist;         /* bits VMASST_TYPE_* */
    struct cpumask
        dirty_cpus; /* CPUs that may hold translations of it: those that run a vCPU of it */
    struct sched_group sched; /* weight, cap, reservation */
    struct timer cap_timer;   /* end of the cap's period, while a vCPU is parked */
    unsigned int pool;        /* CPU pool */
    uint64_t nodes;           /* memory nodes it prefers, 0 = none in particular */
    struct vnuma *vnuma;      /* memory nodes it is told to have (control/vnuma.c), or NULL */
    unsigned int max_vcpus;
    struct vcpu **vcpu; /* max_vcpus entries, NULL = not created */
    int32_t time_offset_seconds;
    uint32_t tsc_mode; /* as XEN_DOMCTL_settscinfo gave it */

    struct domain_watchdogs watchdogs;
    evtchn_port_t suspend_port; /* of its own, sent when it has suspended; 0 = VIRQ_DOM_EXC tells */
    struct evtchn_table *events;
    struct grant_table *grants;
    struct pirq_table *pirqs;
    struct spinlock access_lock;             /* RANK_ACCESS: the three below */
    struct rangeset *ioports, *iomem, *irqs; /* what the domain may touch: ports, MFNs, pirqs */
    struct domain *target;                   /* domain it may control besides itself, or NULL */
    struct arch_domain arch;
};

/*
 * A room's share in a domain's life. create: 0 or -errno, the domain is otherwise empty. teardown:
 * called while the domain dies, before its memory goes; may return -ERESTART_HYPERCALL to be called
 * again. free: last. dump: console key output. NULL members are skipped. The table is
 * domain_rooms[] in domain/rooms.c.
 */
struct domain_room {
    const char *name;
    int (*create)(struct domain *d);
    int (*vcpu_create)(struct vcpu *v);
    int (*teardown)(struct domain *d);
    void (*free)(struct domain *d);
    void (*dump)(const struct domain *d);
};
extern const struct domain_room event_room, grant_room, pirq_room, arch_room, watchdog_room;

/*
 * SCHEDOP_watchdog: sets a watchdog of `d` up (id 0: its id is the answer, 1 or 2), pokes it, or
 * takes it away (seconds 0). -ENOSPC: all are in use. -EINVAL: no such one is.
 */
int domain_watchdog(struct domain *d, uint32_t id, uint32_t seconds);

extern struct domain *dom0;
/* Owners that never run: DOMID_IO owns MMIO, DOMID_XEN what the hypervisor shares read-only with
 * dom0. */
extern struct domain *dom_io, *dom_xen;

/* The vCPU whose registers are on this CPU; the idle vCPU when none. */
static inline struct vcpu *current_vcpu(void);
#define current (current_vcpu())

#define for_each_vcpu(d, v)                                                                        \
    for (unsigned int v##_i_ = 0; v##_i_ < (d)->max_vcpus; v##_i_++)                               \
        if (((v) = (d)->vcpu[v##_i_]) != NULL)

/* dom_io and dom_xen; before any other domain. */
void domain_create_system(void);
/* dom0 is gone: the machine follows (power off, reboot, or stop). Returns only for a reason that
 * keeps it up. */
void dom0_shutdown(uint8_t reason);
/* Console key: all domains and their rooms. */
void domain_dump_all(void);
/* Whether `d` may touch all of [first, last] of `what`, one of its own range sets. */
bool domain_may_access(struct domain *d, const struct rangeset *what, uint64_t first,
                       uint64_t last);
/* VCPUOP_register_vcpu_info: -EINVAL when registered before or not within a page of the domain. */
int vcpu_register_info(struct vcpu *v, uint64_t mfn, uint32_t offset);

/* By id, taking a reference; NULL when there is none. DOMID_SELF is the caller's. Undone by
 * domain_put. */
struct domain *domain_get_by_id(domid_t id);
/* Like it, without a reference: valid until this CPU returns to a guest or idles (domain/reap.c).
 */
struct domain *domain_find(domid_t id);
void domain_get(struct domain *d);
/* False when the last reference is gone already. */
bool domain_try_get(struct domain *d);
/* May be called anywhere: the last reference's domain is freed later, when no CPU can be looking at
 * it. */
void domain_put(struct domain *d);
/* The softirq's part of that (domain/reap.c). */
void domain_reap_softirq(void);
/* Iteration in id order: pass NULL first; NULL at the end. */
struct domain *domain_next(const struct domain *d);
#define for_each_domain(d) for ((d) = domain_next(NULL); (d); (d) = domain_next(d))

/* Creates a domain with `max_vcpus` slots. On error *out is untouched. -EEXIST, -ENOMEM, -EINVAL.
 */
int domain_create(domid_t id, const xen_domain_handle_t handle, uint32_t flags,
                  unsigned int max_vcpus, unsigned int max_evtchn_port,
                  unsigned int max_grant_frames, unsigned int max_maptrack_frames, bool control,
                  struct domain **out);
struct vcpu *vcpu_create(struct domain *d, unsigned int id);
/* Ends a domain in steps; -ERESTART_HYPERCALL asks to be called again. */
int domain_kill(struct domain *d);
void domain_shutdown(struct domain *d, uint8_t reason);
/* The guest did what no guest may: logs its registers, shuts it down with SHUTDOWN_crash. */
void domain_crash(struct domain *d, const char *fmt, ...) printf_like(2, 3);
/*
 * Pauses all vCPUs; nested, undone by domain_unpause. Returns when none of them is on a CPU, but
 * for the caller's own. domain_pause_nowait returns at once: for a domain that pauses itself.
 */
void domain_pause(struct domain *d);
void domain_pause_nowait(struct domain *d);
void domain_unpause(struct domain *d);
int domain_pause_by_controller(struct domain *d);
int domain_unpause_by_controller(struct domain *d);
/* One vCPU, not the caller's: waits until it is off its CPU. */
void vcpu_pause(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
/* Makes a blocked or polling vCPU runnable if it is neither paused nor down. */
void vcpu_wake(struct vcpu *v);
/* Sleep/wake primitives on pause_flags. */
void vcpu_set_flag(struct vcpu *v, unsigned int flag);
void vcpu_clear_flag(struct vcpu *v, unsigned int flag);
/* An event was made pending and unmasked for `v`: end SCHEDOP_block. */
void vcpu_kick(struct vcpu *v);

#include "arch/current.h"

#endif
