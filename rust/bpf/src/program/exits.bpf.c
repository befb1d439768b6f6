// SPDX-License-Identifier: GPL-2.0
/*
 * Counts VM exits, and their durations, on KVM's tracepoints kvm_exit and kvm_entry.
 *
 * kvm_exit, kvm_entry: run with interrupts disabled, in the thread of the vCPU.
 *
 * kvm_userspace_exit: runs in the thread of the vCPU, when KVM_RUN returns.
 *
 * kvm_arch_vcpu_destroy(): runs when the vCPU's VM is destroyed, in the thread that closes it.
 *
 * Every instruction of the first two matters. So each vendor has its own program, as has counting without
 * times, and rare cases are in separate functions, after which nothing is left to do.
 *
 * The file is compiled twice. With DIRECT, it reads kernel memory by plain loads, which are cheaper and need
 * Linux 6.17 or later.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "layout.h"

char LICENSE[] SEC("license") = "GPL";

struct host host SEC(".data.host") = { .slots = { [0 ... INDEXES - 1] = NO_SLOT } };
/* The loader resizes these to the number of CPUs and vCPUs. */
struct cpu cpus[1] SEC(".data.cpus");
struct vcpu vcpus[1] SEC(".data.vcpus");
struct about about SEC(".data.about");

/* Maps the addresses of vCPUs, and of the threads that run them, to rows. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 17);
	__type(key, u64);
	__type(value, u32);
} rows SEC(".maps");

/* From uapi/linux/kvm.h; exits that ask userspace for memory, and return an error. */
#define KVM_EXIT_MEMORY_FAULT 39

/* A vCPU without a row. */
#define NO_ROW (~0u)

#ifdef DIRECT
extern void *bpf_rdonly_cast(const void *address, u32 type) __ksym;

#define load(type, address) (*(const volatile type *)bpf_rdonly_cast((const void *)(address), 0))
#else
#define load(type, address)							\
({										\
	type value = 0;								\
	bpf_probe_read_kernel(&value, sizeof(value), (const void *)(address));	\
	value;									\
})
#endif

/*
 * The verifier must see an index compared in the register in which it is used. Before the comparison, this
 * keeps the compiler from comparing another register; after it, from using the index earlier.
 */
#define opaque(variable) asm volatile("" : "+r"(variable))

/* Orders earlier writes before later ones for other CPUs: x86 keeps the order of the code. */
#define written() asm volatile("" ::: "memory")

static __always_inline struct cpu *this_cpu(void)
{
	u64 cpu = bpf_get_smp_processor_id();

	opaque(cpu);
	if (cpu > LAST_CPU)
		return NULL;
	opaque(cpu);
	return &cpus[cpu];
}

static __always_inline struct vcpu *row_at(u64 row)
{
	opaque(row);
	if (row > LAST_ROW)
		return NULL;
	opaque(row);
	return &vcpus[row];
}

static __always_inline struct detail *detail_at(struct vcpu *row, u64 slot)
{
	opaque(slot);
	if (slot >= SLOTS)
		return NULL;
	opaque(slot);
	return &row->details[slot];
}

/*
 * VMX: the basic exit reason. SVM: 0-0xa7 map to themselves, 0x400-0x40f to 0xb0 and up, 0xf0000000 (for
 * software) to 0xc0, -1 to -8 to 0xd0 and up.
 */
static __always_inline u64 index_of(u64 vcpu, const bool svm)
{
	u64 reason;
	u32 code;

	if (!svm) {
		reason = load(u32, vcpu + REASON) & 0xffff;
		return reason < 128 ? reason : INDEX_OTHER;
	}
	code = load(u32, load(u64, vcpu + VMCB) + EXIT_CODE);
	if (code < 0xa8)
		return code;
	if (code - 0x400 < 0x10)
		return 0xb0 + (code - 0x400);
	if (code == 0xf0000000)
		return 0xc0;
	if (~code < 8)
		return 0xd0 + ~code;
	return INDEX_OTHER;
}

/* Concurrent calls get the same slot for an index, because all try the slots in the same order. */
static __noinline u32 claim_slot(u32 index)
{
	u32 owner, slot;

	if (index >= INDEXES)
		return SLOT_OTHER;
	for (slot = 0; slot < SLOT_OTHER; slot++) {
		owner = __sync_val_compare_and_swap(&host.owners[slot], 0, index + 1);
		if (!owner || owner == index + 1)
			break;
	}
	host.slots[index] = slot;
	return slot;
}

struct search {
	u64 vcpu;
	u32 begin;
	u32 found;
};

static long try_row(u32 i, struct search *search)
{
	struct vcpu *row;
	u32 n = search->begin + i;

	if (n > LAST_ROW)
		n -= LAST_ROW + 1;
	row = row_at(n);
	if (!row || __sync_val_compare_and_swap(&row->vcpu, 0, search->vcpu))
		return 0;
	search->found = n;
	return 1;
}

/* Allocates a row at a vCPU's first exit. */
static __noinline u32 attach(u64 vcpu)
{
	struct search search = { .vcpu = vcpu, .begin = host.hint, .found = NO_ROW };
	struct vcpu *row;
	u32 id, n;

	if (search.begin > LAST_ROW)
		search.begin = 0;
	bpf_loop(LAST_ROW + 1, try_row, &search, 0);
	n = search.found;
	row = row_at(n);
	if (bpf_map_update_elem(&rows, &vcpu, &n, BPF_ANY)) {
		/* Without the map entry, the row could not be found again. */
		if (row)
			row->vcpu = 0;
		row = NULL;
		n = NO_ROW;
	}
	if (!row) {
		__sync_fetch_and_add(&host.unattached, 1);
		return NO_ROW;
	}
	id = load(u32, vcpu + VCPU_ID);
	row->id = id;
	row->pid = bpf_get_current_pid_tgid() >> 32;
	written();
	row->live = 1;
	host.hint = n + 1;
	return n;
}

/* The thread no longer runs the vCPU. */
static __always_inline void forget_task(struct vcpu *row, u32 n)
{
	u64 task = row->task;
	u32 *found = bpf_map_lookup_elem(&rows, &task);

	if (found && *found == n)
		bpf_map_delete_elem(&rows, &task);
}

/* Returns the row of a vCPU that was not the last one on this CPU, or whose thread has changed. */
static __noinline u32 switch_to(u64 vcpu, bool times)
{
	u64 task = bpf_get_current_task();
	u32 *found = bpf_map_lookup_elem(&rows, &vcpu);
	u32 n = found ? *found : attach(vcpu);
	struct vcpu *row = row_at(n);
	struct cpu *cpu = this_cpu();

	if (!row || !cpu)
		return NO_ROW;
	if (times) {
		/*
		 * A thread can run several vCPUs, one after another, and a vCPU can move to another thread.
		 */
		found = bpf_map_lookup_elem(&rows, &task);
		if ((!found || *found != n) && bpf_map_update_elem(&rows, &task, &n, BPF_ANY))
			task = 0;
		if (row->task != task)
			forget_task(row, n);
		row->task = task;
	}
	cpu->row = n;
	return n;
}

/* Returns the row of a vCPU, or of the vCPU that a thread runs; NULL if there is none. */
static __always_inline struct vcpu *row_of(u64 address)
{
	u32 *n = bpf_map_lookup_elem(&rows, &address);

	return n ? row_at(*n) : NULL;
}

static __always_inline void begin(struct vcpu *row, u64 index, u64 slot)
{
	row->index = index;
	row->slot = slot;
	row->exited = bpf_ktime_get_ns();
}

/* Slow path: the vCPU was not the last one on this CPU, or the reason is new. */
static __noinline int exited_slowly(u64 vcpu, u64 index, bool times)
{
	struct vcpu *row = row_at(switch_to(vcpu, times));
	struct detail *detail;
	u64 slot;

	opaque(index);
	if (!row || index >= INDEXES)
		return 0;
	opaque(index);
	slot = host.slots[index];
	if (slot == NO_SLOT)
		slot = claim_slot(index);
	detail = detail_at(row, slot);
	if (!detail)
		return 0;
	detail->exits++;
	if (times)
		begin(row, index, slot);
	return 0;
}

static __always_inline int exited(struct bpf_raw_tracepoint_args *ctx, const bool svm, const bool times)
{
	struct cpu *cpu = this_cpu();
	u64 task = times ? bpf_get_current_task() : 0;
	u64 vcpu = ctx->args[0];
	struct detail *detail;
	struct vcpu *row;
	u64 index, slot;

	if (unlikely(!cpu))
		return 0;
	index = index_of(vcpu, svm);
	opaque(index);
	/* For VMX, the verifier knows the bound. */
	if (svm && index >= INDEXES)
		return 0;
	cpu->tallies[index].exits++;

	row = row_at(cpu->row);
	if (unlikely(!row || row->vcpu != vcpu || (times && row->task != task)))
		return exited_slowly(vcpu, index, times);
	slot = host.slots[index];
	detail = detail_at(row, slot);
	if (unlikely(!detail))
		return exited_slowly(vcpu, index, times);
	detail->exits++;
	if (times)
		begin(row, index, slot);
	return 0;
}

SEC("raw_tp/kvm_exit")
int kvm_exit_vmx_n(struct bpf_raw_tracepoint_args *ctx)
{
	return exited(ctx, false, false);
}

SEC("raw_tp/kvm_exit")
int kvm_exit_svm_n(struct bpf_raw_tracepoint_args *ctx)
{
	return exited(ctx, true, false);
}

SEC("raw_tp/kvm_exit")
int kvm_exit_vmx(struct bpf_raw_tracepoint_args *ctx)
{
	return exited(ctx, false, true);
}

SEC("raw_tp/kvm_exit")
int kvm_exit_svm(struct bpf_raw_tracepoint_args *ctx)
{
	return exited(ctx, true, true);
}

/* Logarithms of 1 to 255; 0 is treated as 1. */
static const u8 log2_of[256] = {
#define EACH(n, log) [n ... 2 * (n) - 1] = log
	EACH(1, 0), EACH(2, 1), EACH(4, 2), EACH(8, 3),
	EACH(16, 4), EACH(32, 5), EACH(64, 6), EACH(128, 7),
#undef EACH
};

static __always_inline u64 bucket_of(u64 ns)
{
	u64 bucket = 0;

	ns >>= FIRST_BUCKET;
	if (ns > 0xff) {
		if (ns >> BUCKETS)
			return BUCKETS - 1;
		if (ns >> 16) {
			bucket = 16;
			ns >>= 16;
		}
		if (ns >> 8) {
			bucket += 8;
			ns >>= 8;
		}
	}
	return bucket + log2_of[ns & 0xff];
}

/* Ends the open exit of a vCPU, which took @ns. */
static __always_inline void settle(struct vcpu *row, struct cpu *cpu, u64 ns)
{
	struct detail *detail = detail_at(row, row->slot);
	u64 bucket, index = row->index;

	row->exited = 0;
	opaque(index);
	if (unlikely(!detail || index >= INDEXES))
		return;
	opaque(index);
	cpu->tallies[index].ns += ns;
	detail->ns += ns;
	if (ns > detail->max)
		detail->max = ns;
	bucket = bucket_of(ns);
	opaque(bucket);
	if (bucket < BUCKETS)
		detail->histogram[bucket]++;
}

/* Returns the duration of the open exit, less time in userspace and off the CPU. */
static __noinline u64 less_elsewhere(struct vcpu *row, u64 now)
{
	struct detail *detail;
	u64 ns;

	if (!row)
		return 0;
	ns = now - row->exited;
	if (row->left) {
		u64 user = row->left > row->exited ? now - row->left : 0;

		detail = detail_at(row, row->slot);
		if (detail && !row->interrupted)
			detail->user_ns += user;
		ns -= user;
		row->left = 0;
		row->interrupted = 0;
	}
	if (row->off) {
		ns = ns > row->off ? ns - row->off : 0;
		row->off = 0;
	}
	return ns;
}

/* Slow path: the vCPU was not the last one on this CPU, or has been elsewhere since its exit. */
static __noinline int entered_slowly(u64 vcpu, u64 now)
{
	struct vcpu *row = row_of(vcpu);
	struct cpu *cpu = this_cpu();

	if (row && cpu && row->exited)
		settle(row, cpu, less_elsewhere(row, now));
	return 0;
}

SEC("raw_tp/kvm_entry")
int kvm_entry(struct bpf_raw_tracepoint_args *ctx)
{
	u64 now = bpf_ktime_get_ns();
	struct cpu *cpu = this_cpu();
	u64 vcpu = ctx->args[0];
	struct vcpu *row;

	if (unlikely(!cpu))
		return 0;
	row = row_at(cpu->row);
	if (unlikely(!row || row->vcpu != vcpu || row->left || row->off))
		return entered_slowly(vcpu, now);
	if (row->exited)
		settle(row, cpu, now - row->exited);
	return 0;
}

/*
 * Userspace has the vCPU, and must finish the exit unless KVM_RUN failed, as it does for a signal. After a
 * failure, the time until the next entry is not attributed. An exit that asks for memory must be finished by
 * userspace, although it returns an error.
 */
SEC("raw_tp/kvm_userspace_exit")
int kvm_userspace_exit(struct bpf_raw_tracepoint_args *ctx)
{
	u64 task = bpf_get_current_task();
	struct vcpu *row = row_of(task);
	struct detail *detail;

	if (!row || row->task != task || !row->exited || row->left)
		return 0;
	row->left = bpf_ktime_get_ns();
	if ((int)ctx->args[1] < 0 && (u32)ctx->args[0] != KVM_EXIT_MEMORY_FAULT) {
		row->interrupted = 1;
		return 0;
	}
	detail = detail_at(row, row->slot);
	if (detail)
		detail->user_exits++;
	return 0;
}

/* Adds a slot of a row to the retired one and clears it. */
static long fold(u32 slot, u32 *n)
{
	struct vcpu *row = row_at(*n);
	struct detail *from, *to;
	u64 max, old;
	int i;

	if (!row || slot >= SLOTS)
		return 1;
	from = &row->details[slot];
	to = &host.details[slot];
	if (!from->exits)
		return 0;
	__sync_fetch_and_add(&to->exits, from->exits);
	__sync_fetch_and_add(&to->ns, from->ns);
	__sync_fetch_and_add(&to->user_exits, from->user_exits);
	__sync_fetch_and_add(&to->user_ns, from->user_ns);
	max = from->max;
	for (i = 0; i < 64; i++) {
		old = to->max;
		if (old >= max || __sync_val_compare_and_swap(&to->max, old, max) == old)
			break;
	}
	for (i = 0; i < BUCKETS; i++)
		__sync_fetch_and_add(&to->histogram[i], from->histogram[i]);
	__builtin_memset(from, 0, sizeof(*from));
	return 0;
}

/* The first argument of a function probed by a kprobe is in %rdi. */
struct registers {
	u64 others[14];
	u64 rdi;
};

SEC("kprobe")
int kvm_arch_vcpu_destroy(void *ctx)
{
	u64 vcpu = ((struct registers *)ctx)->rdi;
	u32 *found = bpf_map_lookup_elem(&rows, &vcpu);
	struct cpu *cpu = this_cpu();
	struct vcpu *row;
	u64 ns;
	u32 n;

	if (!found || !cpu)
		return 0;
	n = *found;
	bpf_map_delete_elem(&rows, &vcpu);
	row = row_at(n);
	if (!row)
		return 0;
	__sync_fetch_and_add(&host.retirals, 1);
	/* If its last exit went to userspace, no entry followed. */
	if (row->exited) {
		ns = row->left ? row->left - row->exited : 0;
		settle(row, cpu, ns > row->off ? ns - row->off : 0);
	}
	row->live = 0;
	bpf_loop(SLOTS, fold, &n, 0);
	forget_task(row, n);
	row->task = 0;
	row->left = 0;
	row->interrupted = 0;
	row->off = 0;
	row->descheduled = 0;
	written();
	row->vcpu = 0;
	__sync_fetch_and_add(&host.retired, 1);
	return 0;
}

static __always_inline struct vcpu *row_of_notifier(void *ctx)
{
	return row_of(((struct registers *)ctx)->rdi - NOTIFIER);
}

/* The scheduler takes a vCPU's thread off its CPU, which includes sleeping. */
SEC("kprobe")
int kvm_sched_out(void *ctx)
{
	struct vcpu *row = row_of_notifier(ctx);

	if (row)
		row->descheduled = row->exited && !row->left ? bpf_ktime_get_ns() : 0;
	return 0;
}

SEC("kprobe")
int kvm_sched_in(void *ctx)
{
	struct vcpu *row = row_of_notifier(ctx);

	if (row && row->descheduled) {
		row->off += bpf_ktime_get_ns() - row->descheduled;
		row->descheduled = 0;
	}
	return 0;
}
