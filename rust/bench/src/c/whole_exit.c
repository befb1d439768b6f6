// SPDX-License-Identifier: GPL-2.0
/*
 * Whole exits: the work an observer adds to an exit from begin to end, with
 * both readings of the TSC.  The shim's inline functions come from patches/.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "kernel.h"
#include "kvm_observed.h"

struct kvm_run {
	u32 exit_reason;
};

struct kvm_vcpu {
	struct kvm_run *run;
	struct {
		u32 hflags;
		struct kvm_observed observed;
	} arch;
};

#include "arch/x86/kvm/exit_observer.h"

/* Same as in src/load.rs. */
struct exit {
	u64 reason;
	s64 cycles;
};

/* Epoch of the only registration. */
enum { EPOCH = 1 };
u32 kvm_exit_observer_epoch = EPOCH;
__typeof__(target_of_kvm_exit_observer_exit) target_of_kvm_exit_observer_exit;

/* Never 0, so preempt_enable() never reschedules. */
__thread u32 preempt_count = 1;

/* Out-of-line code, which the benchmark never calls. */
void preempt_schedule(void)
{
	abort();
}

void kvm_observe_not_completed(struct kvm_vcpu *vcpu, int r)
{
	abort();
}

void kvm_observe_unattached_end(struct kvm_vcpu *vcpu, int r)
{
	abort();
}

/* As in vmx_vcpu_run() and in vcpu_run(). */
static __always_inline void observed_begin(struct kvm_vcpu *vcpu, u64 reason)
{
	if (static_branch_unlikely(&kvm_exit_observed))
		kvm_observe_exit_begin(vcpu, reason);
}

static __always_inline void observed_end(struct kvm_vcpu *vcpu)
{
	kvm_observe_exit_end(vcpu);
}

void bench_register(__typeof__(target_of_kvm_exit_observer_exit) exit)
{
	WRITE_ONCE(target_of_kvm_exit_observer_exit, exit);
}

/* Creates an attached vCPU, as after its first exit.  Destroyed by free(). */
struct kvm_vcpu *bench_new_vcpu(void *data)
{
	struct kvm_vcpu *vcpu = aligned_alloc(_Alignof(struct kvm_vcpu), sizeof(*vcpu));

	if (vcpu)
		*vcpu = (struct kvm_vcpu) {
			.arch.observed = { .data = data, .attached_epoch = EPOCH },
		};
	return vcpu;
}

/*
 * Stands for VM-Entry and VM-Exit, which serialize execution.  Without it, the
 * CPU would overlap several exits.
 */
static __always_inline void run_guest(void)
{
	asm volatile("lfence" ::: "memory");
}

/*
 * Stands for KVM's handler.  It takes long enough for earlier stores to reach
 * the cache, so that the CPU need not forward them from its store buffer.
 */
static __always_inline void handle(struct kvm_vcpu **vcpu)
{
	asm volatile("mfence" : "+r" (*vcpu) : : "memory");
}

void bench_observed(struct kvm_vcpu *vcpu, const struct exit *exits, u64 mask, u64 count)
{
	for (u64 number = 0; number < count; number++) {
		run_guest();
		observed_begin(vcpu, exits[number & mask].reason);
		handle(&vcpu);
		observed_end(vcpu);
	}
}

/* As in tests/bench/shared-atomics.patch. */
static _Atomic u64 total_exits, total_cycles;
static _Atomic u64 exits_by_reason[128], cycles_by_reason[128];

static __always_inline void add(_Atomic u64 *sum, u64 value)
{
	atomic_fetch_add_explicit(sum, value, memory_order_relaxed);
}

void bench_shared_atomics(struct kvm_vcpu *vcpu, const struct exit *exits, u64 mask, u64 count)
{
	for (u64 number = 0; number < count; number++) {
		u64 reason, cycles;

		run_guest();
		reason = exits[number & mask].reason;
		if (reason > 127)
			reason = 127;
		cycles = rdtsc();
		handle(&vcpu);
		cycles = rdtsc() - cycles;
		add(&total_exits, 1);
		add(&total_cycles, cycles);
		add(&exits_by_reason[reason], 1);
		add(&cycles_by_reason[reason], cycles);
	}
}

u64 bench_shared_exits(void)
{
	return atomic_load_explicit(&total_exits, memory_order_relaxed);
}

/* The readings of the TSC alone. */
void bench_clock(struct kvm_vcpu *vcpu, const struct exit *exits, u64 mask, u64 count)
{
	for (u64 number = 0; number < count; number++) {
		u64 reason, cycles;

		run_guest();
		reason = exits[number & mask].reason;
		cycles = rdtsc();
		handle(&vcpu);
		cycles = rdtsc() - cycles;
		asm volatile("" : : "r" (reason), "r" (cycles));
	}
}

/* The loop alone. */
void bench_nothing(struct kvm_vcpu *vcpu, const struct exit *exits, u64 mask, u64 count)
{
	for (u64 number = 0; number < count; number++) {
		u64 reason;

		run_guest();
		reason = exits[number & mask].reason;
		asm volatile("" : : "r" (reason));
		handle(&vcpu);
	}
}
