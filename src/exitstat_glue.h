/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXITSTAT_GLUE_H
#define EXITSTAT_GLUE_H

/*
 * Functions that the kernel crate lacks, for the Rust side of the module:
 * per-CPU memory, the string parameter, and calls into a KVM that may not have
 * the observer. Read by bindgen: fixed-size types and void pointers only.
 */
#include <asm/kvm_exit_observer.h>

/* Same as reason::SLOTS in rust/core. */
#define EXITSTAT_SLOTS 87

/* Same as in Cargo.toml. */
#define EXITSTAT_VERSION "0.2.0"

/* Exits by slot, then cycles. cpu.rs has the Rust side's view. */
struct exitstat_cpu_table {
	__u64 words[EXITSTAT_SLOTS * 2];
};

/* The address of the per-CPU variable is relative to %gs, not a pointer. */
#ifdef __EXITSTAT_BINDGEN__
extern struct exitstat_cpu_table exitstat_cpu_table;
#endif

/* Returns the table of @cpu, or NULL if @cpu is not possible. */
struct exitstat_cpu_table *exitstat_cpu_table_of(__u32 cpu);

/* Returns the upper bound (exclusive) of CPU numbers. */
__u32 exitstat_cpu_limit(void);

enum exitstat_scope {
	EXITSTAT_SCOPE_VM,
	EXITSTAT_SCOPE_HOST,
	EXITSTAT_SCOPE_OFF,
};

/* Returns the current value of the parameter guest_scope. */
enum exitstat_scope exitstat_guest_scope(void);

/* Return the current values of the log's parameters. */
__u64 exitstat_log_every(void);
__u32 exitstat_log_cpuid(void);

/*
 * Call @tick once, then once a second while a log parameter is set, until
 * stopped. Both functions and @tick may sleep.
 */
void exitstat_ticker_start(void (*tick)(void));
void exitstat_ticker_stop(void);

/* Text files in debugfs. */
enum exitstat_text {
	EXITSTAT_TEXT_CPUS,
	EXITSTAT_TEXT_DETAILS,
	EXITSTAT_TEXT_INFO,
	EXITSTAT_TEXT_REASONS,
	EXITSTAT_TEXT_TOTALS,
	EXITSTAT_TEXT_VCPUS,
};

/* Callbacks of the files, in the context of the process that uses them. */
struct exitstat_files {
	/* Writes a text into @seq_file. Returns 0 or an error. */
	__s32 (*show)(void *seq_file, enum exitstat_text text);
	/* Handles a write to the file log. */
	void (*log)(void);
	/* Handles the device's ioctl. */
	__s64 (*ioctl)(__u32 cmd, __u64 arg);
};

/*
 * Creates the files or returns an error. An open file holds a reference to the
 * module, so none is open when the module exits.
 */
__s32 exitstat_files_create(const struct exitstat_files *files);
void exitstat_files_remove(void);

/* Returns the current value of the parameter detail: KVM_EXIT_CAPTURE_*. */
__u32 exitstat_detail(void);

/*
 * Call @apply with the current parameters for details, and whenever detail is
 * set, until stopped.  @apply receives what to capture and the bytes of a
 * table, returns 0 or an error, and may sleep.
 */
void exitstat_detail_start(__s32 (*apply)(__u32 what, __u32 size));
void exitstat_detail_stop(void);

_Bool exitstat_perfmon_capable(void);

struct exitstat_clock {
	__u64 tsc;
	__u64 realtime;		/* ns since 1970 */
	__u32 tsc_khz;
};

void exitstat_read_clock(struct exitstat_clock *clock);
__u64 exitstat_tsc(void);

/* Returns the time of registration as the observer, in ns since boot. */
__u64 exitstat_load_id(void);

/* Returns a number for @vm_id that also differs after each load. */
__u32 exitstat_generation(__u64 vm_id);

__u32 exitstat_current_process(void);
void exitstat_synchronize_rcu(void);

/*
 * Returns 0, or -ENODEV with a message in the log: no VMX, no kvm, or a kvm
 * without the observer. Only after a 0 may the functions below be called.
 */
__s32 exitstat_preflight(void);

__s32 exitstat_register(const struct kvm_exit_observer *ops);
void exitstat_unregister(void);
void exitstat_visit_vm(void *vm, kvm_exit_visit_t fn, void *arg);
void exitstat_visit_all(kvm_exit_visit_t fn, void *arg);
__u64 exitstat_unattached(void);
void exitstat_capture(__u32 what, __u32 table_size);

#endif /* EXITSTAT_GLUE_H */
