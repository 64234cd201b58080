/* SPDX-License-Identifier: MIT */
/* Making and ending guests. */
#include "domain/life.h"
#include "domain/pool.h"
#include "domain/devices.h"
#include "domain/pv_build.h"
#include "util/clock.h"
#include "util/report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define LOCK_PATH "/run/corbel-xl.lock"
/* The hypervisor may need several rounds to give a large domain's memory back. */
#define DESTROY_TIMEOUT_S 60

struct creation {
    const struct domain_config *config;
    domid_t domid;
    struct pv_rings rings;
    char vm[64]; /* "/vm/UUID" */
};

static const struct store_access dom0_only = {0, -1};

/* Serialises those who make guests, so that two of one name do not come up. Returns the lock to
 * close, or -1. */
static int take_lock(void)
{
    int fd = open(LOCK_PATH, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 || flock(fd, LOCK_EX) < 0) {
        report_errno("cannot lock %s", LOCK_PATH);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* Before anything is made: is there room, and is it the only one of its kind? */
static int check_possible(struct toolstack *ts, const struct domain_config *config)
{
    struct xen_domctl_getdomaininfo *list;
    struct xen_sysctl_physinfo host;
    int n;

    if (domain_name_is_taken(ts, config->name))
        return report_error(
            "a domain named '%s' is there already: xl destroy it, or give another name",
            config->name);
    n = hv_domain_list(ts->hv, &list);
    for (int i = 0; i < n; i++) {
        /* What is dying only waits for its last pages to be let go. */
        if (!(list[i].flags & XEN_DOMINF_dying) &&
            memcmp(list[i].handle, config->uuid, sizeof(config->uuid)) == 0) {
            report_error(
                "domain %u has the UUID that '%s' would get: wait until it is gone, or set uuid",
                list[i].domain, config->name);
            n = -1;
        }
    }
    free(list);
    if (n < 0)
        return -1;
    if (hv_physinfo(ts->hv, &host) < 0)
        return report_errno("cannot ask the hypervisor for its free memory");
    if (host.free_pages < config->memory_kib >> 2)
        return report_error(
            "'%s' needs %llu MiB, the host has %llu MiB free: lower memory, destroy another "
            "guest, or boot with a smaller dom0_mem=",
            config->name, (unsigned long long)config->memory_kib >> 10,
            (unsigned long long)host.free_pages >> 8);
    return 0;
}

/* cpus= and cpus_soft=; vCPUs beyond their lists run anywhere. */
static int pin_vcpus(struct toolstack *ts, domid_t domid, const struct domain_config *config)
{
    for (uint32_t i = 0; i < config->max_vcpus && (i < config->n_hard || i < config->n_soft); i++)
        if (hv_vcpu_set_affinity(ts->hv, domid, i, i < config->n_hard ? &config->hard[i] : NULL,
                                 i < config->n_soft ? &config->soft[i] : NULL) < 0)
            return report_errno("the scheduler does not take cpus= or cpus_soft= for vCPU %u (some "
                                "CPU of it must be in its pool)",
                                i);
    return 0;
}

/* Frees what the domain holds; the hypervisor asks for several rounds when there is much. */
static int destroy_in_hypervisor(struct toolstack *ts, domid_t domid)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    for (int i = 0; i < DESTROY_TIMEOUT_S * 1000; i++) {
        if (hv_domain_destroy(ts->hv, domid) == 0 || errno == ESRCH)
            return 0;
        if (errno != EAGAIN && errno != EBUSY)
            break;
        nanosleep(&pause, NULL);
    }
    return report_errno("the hypervisor does not destroy domain %u", domid);
}

/* The empty domain with its limits. */
static int make_domain(struct toolstack *ts, struct creation *creation)
{
    const struct domain_config *config = creation->config;
    struct xen_domctl_createdomain request = {
        .max_vcpus = config->max_vcpus,
        .max_evtchn_port = config->max_event_channels,
        .max_grant_frames = config->max_grant_frames,
        .max_maptrack_frames = config->max_maptrack_frames,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };

    if (config->pool) {
        struct hv_pool pool;

        if (pool_find(ts, config->pool, &pool) < 0)
            return -1;
        request.cpupool_id = pool.id;
    }
    memcpy(request.handle, config->uuid, sizeof(request.handle));
    if (hv_domain_create(ts->hv, &request, &creation->domid) < 0)
        return report_errno("the hypervisor cannot make a domain");
    if (hv_domain_set_max_vcpus(ts->hv, creation->domid, config->max_vcpus) < 0)
        report_errno("the hypervisor cannot give it %u vCPUs", config->max_vcpus);
    else if (hv_domain_set_max_mem(ts->hv, creation->domid,
                                   config->max_memory_kib + DOMAIN_SLACK_KIB) < 0)
        report_errno("the hypervisor cannot limit its memory");
    else if (hv_set_memory_map(ts->hv, creation->domid, config->max_memory_kib) < 0 &&
             errno != ENOSYS) /* its kernel then goes by its number of pages */
        report_errno("the hypervisor takes no memory map for it");
    else if ((config->cpu_weight || config->cap) &&
             hv_domain_set_credit(ts->hv, creation->domid,
                                  config->cpu_weight ? config->cpu_weight : 256, config->cap) < 0)
        report_errno("the scheduler takes no cpu_weight or cap");
    else if (pin_vcpus(ts, creation->domid, config) == 0)
        return 0;
    destroy_in_hypervisor(ts, creation->domid);
    return -1;
}

/* The rings by which the guest reaches xenstored and its console. */
static bool write_rings(struct xs_handle *xs, xs_transaction_t t, const char *root,
                        const struct pv_rings *rings)
{
    return store_write(xs, t, root, "store/port", "%u", rings->store_port) &&
           store_write(xs, t, root, "store/ring-ref", "%llu",
                       (unsigned long long)rings->store_mfn) &&
           store_write(xs, t, root, "console/type", "xenconsoled") &&
           store_write(xs, t, root, "console/output", "pty") &&
           store_write(xs, t, root, "console/limit", "1048576") &&
           store_write(xs, t, root, "console/port", "%u", rings->console_port) &&
           store_write(xs, t, root, "console/ring-ref", "%llu",
                       (unsigned long long)rings->console_mfn);
}

static bool write_resources(struct xs_handle *xs, xs_transaction_t t, const char *root,
                            const struct domain_config *config)
{
    for (unsigned int i = 0; i < config->max_vcpus; i++) {
        char name[32];

        snprintf(name, sizeof(name), "cpu/%u/availability", i);
        if (!store_write(xs, t, root, name, "%s", i < config->vcpus ? "online" : "offline"))
            return false;
    }
    return store_write(xs, t, root, "memory/static-max", "%llu",
                       (unsigned long long)config->max_memory_kib) &&
           store_write(xs, t, root, "memory/target", "%llu",
                       (unsigned long long)config->memory_kib);
}

/* Directories the guest may read but not write, so that it cannot put devices of its own there. */
static bool make_shared(struct xs_handle *xs, xs_transaction_t t, const char *root, domid_t domid)
{
    static const char *const nodes[] = {"device", "device/suspend", "device/vbd", "device/vif",
                                        "control"};

    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        if (!store_make(xs, t, (struct store_access){0, domid}, "%s/%s", root, nodes[i]))
            return false;
    return store_write(xs, t, root, "control/platform-feature-multiprocessor-suspend", "1") &&
           store_write(xs, t, root, "control/platform-feature-xs_reset_watches", "1");
}

/* The few nodes that are the guest's own to write. */
static bool make_own(struct xs_handle *xs, xs_transaction_t t, const char *root, domid_t domid)
{
    static const char *const nodes[] = {
        "control/shutdown",
        "control/feature-poweroff",
        "control/feature-reboot",
        "control/feature-suspend",
        "control/sysrq",
        "device/suspend/event-channel",
        "data",
        "drivers",
        "feature",
        "attr",
        "error",
    };

    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        if (!store_make(xs, t, (struct store_access){domid, -1}, "%s/%s", root, nodes[i]))
            return false;
    return true;
}

static bool write_guest_directory(struct xs_handle *xs, xs_transaction_t t,
                                  const struct creation *creation)
{
    char root[64];

    snprintf(root, sizeof(root), "/local/domain/%u", creation->domid);
    xs_rm(xs, t, root);
    return store_make(xs, t, (struct store_access){0, creation->domid}, "%s", root) &&
           store_write(xs, t, root, "vm", "%s", creation->vm) &&
           store_write(xs, t, root, "name", "%s", creation->config->name) &&
           store_write(xs, t, root, "domid", "%u", creation->domid) &&
           write_rings(xs, t, root, &creation->rings) &&
           write_resources(xs, t, root, creation->config) &&
           make_shared(xs, t, root, creation->domid) && make_own(xs, t, root, creation->domid);
}

/* What is known of the guest beyond this run of it. */
static bool write_vm_directory(struct xs_handle *xs, xs_transaction_t t,
                               const struct creation *creation)
{
    const struct domain_config *config = creation->config;
    const char *vm = creation->vm;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    xs_rm(xs, t, vm);
    return store_make(xs, t, (struct store_access){0, creation->domid}, "%s", vm) &&
           store_write(xs, t, vm, "name", "%s", config->name) &&
           store_write(xs, t, vm, "uuid", "%s", vm + strlen("/vm/")) &&
           store_write(xs, t, vm, "image/ostype", "linux") &&
           store_write(xs, t, vm, "image/kernel", "%s", config->kernel) &&
           store_write(xs, t, vm, "image/cmdline", "%s", config->cmdline) &&
           (!config->ramdisk || store_write(xs, t, vm, "image/ramdisk", "%s", config->ramdisk)) &&
           store_write(xs, t, vm, "on_poweroff", "%s", domain_action_name(config->on_poweroff)) &&
           store_write(xs, t, vm, "on_reboot", "%s", domain_action_name(config->on_reboot)) &&
           store_write(xs, t, vm, "on_crash", "%s", domain_action_name(config->on_crash)) &&
           store_write(xs, t, vm, "start_time", "%lld.%02ld", (long long)now.tv_sec,
                       now.tv_nsec / 10000000);
}

static bool write_nodes(struct xs_handle *xs, xs_transaction_t t, void *context)
{
    struct creation *creation = context;

    return store_make(xs, t, dom0_only, "/vm") && write_vm_directory(xs, t, creation) &&
           write_guest_directory(xs, t, creation) &&
           devices_write(xs, t, creation->domid, creation->config);
}

/* From an empty domain to one that is known to all. */
static int furnish(struct toolstack *ts, struct creation *creation)
{
    if (pv_build(ts->hv, creation->domid, creation->config, &creation->rings) < 0)
        return -1;
    if (!store_transact(ts->xs, write_nodes, creation))
        return report_errno("cannot write the guest's nodes to xenstore");
    if (!xs_introduce_domain(ts->xs, creation->domid, creation->rings.store_mfn,
                             creation->rings.store_port))
        return report_errno("xenstored does not take the guest in");
    return devices_wait_ready(ts, creation->domid);
}

int domain_create(struct toolstack *ts, const struct domain_config *config, domid_t *domid)
{
    struct creation creation = {.config = config};
    char uuid[UUID_STR_LEN];
    int lock = take_lock();
    int ret = -1;

    if (lock < 0)
        return -1;
    uuid_unparse_lower(config->uuid, uuid);
    snprintf(creation.vm, sizeof(creation.vm), "/vm/%s", uuid);
    if (check_possible(ts, config) == 0 && make_domain(ts, &creation) == 0) {
        ret = furnish(ts, &creation);
        if (ret < 0)
            domain_destroy(ts, creation.domid);
    }
    close(lock);
    *domid = creation.domid;
    return ret;
}

struct renaming {
    domid_t domid;
    const char *name;
};

static bool write_name(struct xs_handle *xs, xs_transaction_t t, void *context)
{
    const struct renaming *renaming = context;
    char root[64], *vm;
    bool ok;

    snprintf(root, sizeof(root), "/local/domain/%u", renaming->domid);
    vm = store_read(xs, t, "%s/vm", root);
    ok = store_write(xs, t, root, "name", "%s", renaming->name) &&
         (!vm || store_write(xs, t, vm, "name", "%s", renaming->name));
    free(vm);
    return ok;
}

int domain_rename(struct toolstack *ts, domid_t domid, const char *name)
{
    struct renaming renaming = {domid, name};
    const char *fault = domain_name_fault(name);
    int lock, ret = 0;

    if (fault)
        return report_error("'%s': %s", name, fault);
    lock = take_lock();
    if (lock < 0)
        return -1;
    if (domain_name_is_taken(ts, name))
        ret = report_error("a domain named '%s' is there already: give another name", name);
    else if (!store_transact(ts->xs, write_name, &renaming))
        ret = report_errno("cannot write the name of domain %u to xenstore", domid);
    close(lock);
    return ret;
}

int domain_destroy(struct toolstack *ts, domid_t domid)
{
    char *vm = store_read(ts->xs, XBT_NULL, "/local/domain/%u/vm", domid);
    int ret;

    hv_domain_pause(ts->hv, domid);
    devices_remove(ts, domid);
    ret = destroy_in_hypervisor(ts, domid);
    xs_release_domain(ts->xs, domid);
    store_remove(ts->xs, "/local/domain/%u", domid);
    if (vm && strncmp(vm, "/vm/", 4) == 0 && vm[4])
        store_remove(ts->xs, "%s", vm);
    free(vm);
    return ret;
}

int domain_wait_stopped(struct toolstack *ts, domid_t domid, unsigned int timeout_s)
{
    const time_t end = clock_now_s() + timeout_s;
    int ret = -1;

    xs_watch(ts->xs, "@releaseDomain", "stopped");
    while (ret < 0 && (!timeout_s || clock_now_s() < end)) {
        struct pollfd pfd = {.fd = xs_fileno(ts->xs), .events = POLLIN};
        struct xen_domctl_getdomaininfo info;
        char **event;

        if (hv_domain_info(ts->hv, domid, &info) < 0 ||
            info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) {
            ret = 0;
            break;
        }
        poll(&pfd, 1, 1000);
        while ((event = xs_check_watch(ts->xs)) != NULL)
            free(event);
    }
    xs_unwatch(ts->xs, "@releaseDomain", "stopped");
    return ret;
}
