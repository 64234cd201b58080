/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor as the toolstack sees it: typed calls over libxencall.
 *
 * One handle per process, one thread. Every call returns 0 (or a count, where it says so) or -1
 * with errno set to what the hypervisor answered. Structures are the ABI's own (Xen 4.17: domctl
 * 0x15, sysctl 0x15).
 */
#ifndef XENCALL_HV_H
#define XENCALL_HV_H

#include "util/cpulist.h"
#include "xencall/xen_abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hv;

/* Opens /dev/xen/privcmd. NULL with errno set when it cannot (not dom0, no module, not root). */
struct hv *hv_open(void);
void hv_close(struct hv *hv);

/*
 * Memory a hypercall may point at: page aligned and locked. Freed by hv_buffer_free with the same
 * size. NULL with errno set when there is none.
 */
void *hv_buffer_alloc(struct hv *hv, size_t size);
void hv_buffer_free(struct hv *hv, void *buffer, size_t size);

/* ---- domctl.c: domains ---- */

/* The raw operation: op->cmd, op->domain and op->u are the caller's; the version is filled in here.
 */
int hv_domctl(struct hv *hv, struct xen_domctl *op);

/* Makes an empty domain and sets *domid, which the hypervisor chooses. */
int hv_domain_create(struct hv *hv, const struct xen_domctl_createdomain *config, domid_t *domid);
int hv_domain_destroy(struct hv *hv, domid_t domid);
int hv_domain_pause(struct hv *hv, domid_t domid);
int hv_domain_unpause(struct hv *hv, domid_t domid);
/* trigger: XEN_DOMCTL_SENDTRIGGER_*. ESRCH: no such vCPU; ENOSYS, EINVAL: not for this domain. */
int hv_domain_send_trigger(struct hv *hv, domid_t domid, uint32_t trigger, uint32_t vcpu);
int hv_domain_set_max_vcpus(struct hv *hv, domid_t domid, uint32_t n);
int hv_domain_set_max_mem(struct hv *hv, domid_t domid, uint64_t kib);
int hv_domain_init_hypercall_page(struct hv *hv, domid_t domid, uint64_t mfn);
int hv_domain_set_vcpu(struct hv *hv, domid_t domid, uint32_t vcpu,
                       const struct vcpu_guest_context *context);

/* Exactly this domain, or ESRCH. */
int hv_domain_info(struct hv *hv, domid_t domid, struct xen_domctl_getdomaininfo *info);

/* Every domain, dying ones included, in *list (free() it). Returns how many. */
int hv_domain_list(struct hv *hv, struct xen_domctl_getdomaininfo **list);

/* Share of the CPU under the credit schedulers: weight 1..65535, cap in per cent of one CPU, 0 for
 * none. */
int hv_domain_set_credit(struct hv *hv, domid_t domid, uint16_t weight, uint16_t cap);
int hv_domain_get_credit(struct hv *hv, domid_t domid, uint16_t *weight, uint16_t *cap);

/* ---- sched.c: vCPUs, where they may run, CPU pools ---- */

/* ESRCH: no such vCPU. */
int hv_vcpu_info(struct hv *hv, domid_t domid, uint32_t vcpu, struct xen_domctl_getvcpuinfo *info);
int hv_vcpu_get_affinity(struct hv *hv, domid_t domid, uint32_t vcpu, struct cpulist *hard,
                         struct cpulist *soft);
/* NULL: that one stays. EINVAL when no CPU of the domain's pool is in `hard`. */
int hv_vcpu_set_affinity(struct hv *hv, domid_t domid, uint32_t vcpu, const struct cpulist *hard,
                         const struct cpulist *soft);
/* Reads or sets what the domain gets at least, hundredths of a CPU; EINVAL on Xen. */
int hv_domain_reservation(struct hv *hv, domid_t domid, bool set, uint16_t *hundredths);

#define HV_POOL_FREE UINT32_MAX /* in place of a pool: the CPUs that are in none */
struct hv_pool {
    uint32_t id;
    uint32_t scheduler; /* XEN_SCHEDULER_* */
    uint32_t n_domains;
    struct cpulist cpus;
};
/* The pool of this number or the next higher one; ENOENT past the last. */
int hv_pool_info(struct hv *hv, uint32_t pool, struct hv_pool *info);
int hv_pool_create(struct hv *hv, uint32_t *pool);
/* XEN_SYSCTL_CPUPOOL_OP_{DESTROY,ADDCPU,RMCPU,MOVEDOMAIN}; `which` is a CPU or a domain. */
int hv_pool_change(struct hv *hv, uint32_t pool, uint32_t what, uint32_t which);

/* ---- memory.c: a domain's frames, ports and page types ---- */

/*
 * Gives the domain machine frames for n guest frames of 2^order pages each. frames holds the first
 * guest frame of each extent; the machine frames come back in it. Returns how many extents were
 * filled (the first ones), which may be fewer than n, even none.
 */
int hv_populate(struct hv *hv, domid_t domid, unsigned int order, uint64_t *frames, size_t n);

/* Tells the domain's kernel that RAM reaches from 0 to kib (its e820 map); ENOSYS where that cannot
 * be told. */
int hv_set_memory_map(struct hv *hv, domid_t domid, uint64_t kib);

/* Types the frame as a level 4 page table and keeps it so; validates everything beneath. */
int hv_pin_l4(struct hv *hv, domid_t domid, uint64_t mfn);

/* A port of the domain's that dom0 will bind to. Returns the port, or -1. */
int hv_evtchn_alloc_unbound(struct hv *hv, domid_t domid, domid_t remote);

/* The machine frame of the domain's first grant table page, made if it is not there yet. */
int hv_grant_frame(struct hv *hv, domid_t domid, uint64_t *mfn);

/* ---- sysctl.c: the host ---- */

int hv_sysctl(struct hv *hv, struct xen_sysctl *op);
int hv_physinfo(struct hv *hv, struct xen_sysctl_physinfo *info);
int hv_scheduler(struct hv *hv, uint32_t *id);

/* The hypervisor's log into *text (free() it), ended by a NUL; emptied afterwards when clear. */
int hv_console_read(struct hv *hv, bool clear, char **text);

/* Presses keys of the hypervisor's debug console. */
int hv_debug_keys(struct hv *hv, const char *keys);

/* XENVER_*: fills data (size bytes, may be NULL for none). Returns the call's value, or -1. */
int hv_xen_version(struct hv *hv, int what, void *data, size_t size);

#endif
