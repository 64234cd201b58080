/* SPDX-License-Identifier: MIT */
/* Other vCPUs: their contexts (<xen/vcpu.h>, <xen/arch-x86/xen.h>), and the jobs they do. */
#include "lib/vcpus.h"
#include "lib/report.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/vcpu.h>

#define STACK_SIZE 16384

static unsigned char stacks[VCPUS_MAX][STACK_SIZE] __attribute__((aligned(16)));
static unsigned int n_vcpus;
static void (*current_job)(unsigned int, void *);
static void *job_data;
static unsigned int generation, n_done;

long vcpu_start(unsigned int id, void (*code)(uint64_t data), uint64_t data)
{
    static struct vcpu_guest_context context;

    context = (struct vcpu_guest_context){
        .flags = VGCF_in_kernel,
        .user_regs = {.rip = (uint64_t)code,
                      .rdi = data,
                      .rsp = arg(stacks[id] + STACK_SIZE - 8),
                      .rflags = 0x202,
                      .cs = FLAT_KERNEL_CS,
                      .ss = FLAT_KERNEL_SS},
        .kernel_ss = FLAT_KERNEL_SS,
        .kernel_sp = arg(stacks[id] + STACK_SIZE / 2),
        .ctrlreg = {[3] = page_mfn(paging_root()) << PAGE_SHIFT},
    };
    long answer = hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, id, arg(&context));
    return answer ? answer : hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_up, id, 0);
}

void vcpu_stop_self(unsigned int id)
{
    for (;;)
        hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_down, id, 0);
}

void vcpu_yield(void)
{
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

static void __attribute__((noreturn)) worker(uint64_t number)
{
    for (unsigned int seen = 0;;) {
        unsigned int now = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);

        if (now == seen) {
            vcpu_yield();
            continue;
        }
        seen = now;
        current_job((unsigned int)number, job_data);
        __atomic_add_fetch(&n_done, 1, __ATOMIC_RELEASE);
    }
}

unsigned int vcpus_start(void)
{
    if (n_vcpus)
        return n_vcpus;
    for (n_vcpus = 1; n_vcpus < VCPUS_MAX; n_vcpus++)
        if (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, n_vcpus, 0) < 0 ||
            vcpu_start(n_vcpus, worker, n_vcpus))
            break;
    return n_vcpus;
}

void vcpus_run(void (*job)(unsigned int, void *), void *data)
{
    current_job = job;
    job_data = data;
    __atomic_store_n(&n_done, 0, __ATOMIC_RELAXED);
    __atomic_add_fetch(&generation, 1, __ATOMIC_RELEASE);
    job(0, data);
    while (__atomic_load_n(&n_done, __ATOMIC_ACQUIRE) < n_vcpus - 1)
        vcpu_yield();
}
