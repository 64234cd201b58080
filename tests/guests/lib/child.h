/* SPDX-License-Identifier: MIT */
/*
 * Small unprivileged domains built by a micro-guest that runs as dom0, in milliseconds.
 *
 * A child runs the same ELF file as its parent, which is the parent's ramdisk; its command line
 * names a ROLE of that file. Child and parent share one page, the mailbox. A child that returns
 * from its role powers off, or reboots when an EXPECT in it failed; what it prints comes out of the
 * parent's console.
 */
#ifndef GUESTS_CHILD_H
#define GUESTS_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/console.h>

#define CHILD_PAGES_MAX 4096
#define MAILBOX_WORDS   512

struct role {
    const char *name;
    void (*run)(uint64_t argument);
};

/* Defines what a child does; `argument` is the parent's. */
#define ROLE(id)                                                                                   \
    static void role_##id(uint64_t argument);                                                      \
    static const struct role role_row_##id                                                         \
        __attribute__((used, section("roles"), aligned(8))) = {#id, role_##id};                    \
    static void role_##id(uint64_t argument)

/* A child as its parent sees it. Zeroed by child_start; fields are read-only for tests. */
struct child {
    domid_t id;
    const char *role;
    unsigned int n_pages, n_vcpus;
    uint64_t mfn[CHILD_PAGES_MAX];     /* by pfn */
    volatile uint64_t *mailbox;        /* the shared page */
    struct xencons_interface *console; /* its ring */
    long port;                         /* our end of its console channel */
    bool at_line_start;
};

/* What child_wait() found, beside the SHUTDOWN_* reasons. */
#define CHILD_RUNS (-1)

/*
 * Builds a child of `n_vcpus` and lets it run; false after a report_error when anything was
 * refused. The child has 4 MiB to itself beyond its image.
 */
bool child_start(struct child *child, const char *role, uint64_t argument, unsigned int n_vcpus);

/* Relays the child's console and waits until it has ended, at most so long: its SHUTDOWN_* reason
 * or CHILD_RUNS. */
int child_wait(struct child *child, unsigned int milliseconds);

/* Ends the child and gives everything back. */
void child_destroy(struct child *child);

/* Starts, waits and destroys; answers as child_wait(). */
int child_run(const char *role, uint64_t argument, unsigned int n_vcpus, unsigned int milliseconds);

/* Free pages of the machine, to find leaks; its CPUs. */
uint64_t machine_free_pages(void);
unsigned int machine_cpus(void);

/* True in a child; runs the role that its command line names and answers whether all expectations
 * held. */
bool child_is_self(void);
bool child_run_role(void);

/* Sleeps, in a child or its parent. */
void child_sleep(uint64_t nanoseconds);

/* In a child: the page it shares with its parent. */
extern volatile uint64_t mailbox[MAILBOX_WORDS];

/* In a child: its own domain's number. */
domid_t child_id(void);

/* A number given on the guest's command line as `name=number`, or `otherwise`. */
uint64_t guest_number(const char *name, uint64_t otherwise);

#endif
