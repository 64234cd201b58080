/* SPDX-License-Identifier: MIT */
/* Starting vCPUs by VCPUOP_initialise and VCPUOP_up. */
#include "lib/vcpus.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"

#include <xen/vcpu.h>

static unsigned char stacks[VCPUS_MAX][8192] __attribute__((aligned(16)));

long vcpu_start(unsigned int id, void (*code)(uint64_t data), uint64_t data)
{
    static struct vcpu_guest_context context;
    long answer;

    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel;
    context.user_regs.rip = (uint64_t)code;
    context.user_regs.rdi = data;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.user_regs.rflags = 0x202;
    context.user_regs.rsp = (uint64_t)stacks[id] + sizeof(stacks[id]) - 8;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = page_mfn(paging_root()) << PAGE_SHIFT;
    answer = hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, id, arg(&context));
    return answer ? answer : hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_up, id, 0);
}

void vcpu_stop_self(unsigned int id)
{
    for (;;)
        hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_down, id, 0);
}
