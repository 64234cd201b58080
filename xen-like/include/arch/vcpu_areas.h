/* SPDX-License-Identifier: MIT */
/* What is kept up to date in guests' memory for a vCPU: pvclock and runstate. */
#ifndef CORBEL_ARCH_VCPU_AREAS_H
#define CORBEL_ARCH_VCPU_AREAS_H

struct vcpu;
struct domain;

/* Writes pvclock parameters into vcpu_info (they never change while a machine runs). */
void vcpu_time_publish(struct vcpu *v);
/* Wall clock of a domain's shared info. */
void update_domain_wallclock(struct domain *d);
/* In v's address space, as it is about to run: runstate copy and secondary time area. */
void vcpu_resume_guest_areas(struct vcpu *v);

#endif
