/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXITSTAT_GLUE_H
#define EXITSTAT_GLUE_H

/*
 * What the kernel crate lacks, for the Rust side of the module: per-CPU
 * memory, the string parameter, and calls into a KVM that may not have the
 * observer. Read by bindgen: fixed-size types and void pointers only.
 */
#include <asm/kvm_exit_observer.h>

/* As reason::SLOTS in rust/core. */
#define EXITSTAT_SLOTS 87

/* As in Cargo.toml. */
#define EXITSTAT_VERSION "0.2.0"

/* Exits by slot, then cycles; the Rust side's view of it is in cpu.rs. */
struct exitstat_cpu_table {
	__u64 words[EXITSTAT_SLOTS * 2];
};

/* The address of the per-CPU variable is relative to %gs, no pointer. */
#ifdef __EXITSTAT_BINDGEN__
extern struct exitstat_cpu_table exitstat_cpu_table;
#endif

/* The table of @cpu, or NULL if no possible CPU has that number. */
struct exitstat_cpu_table *exitstat_cpu_table_of(__u32 cpu);

/* CPU numbers are below this. */
__u32 exitstat_cpu_limit(void);

enum exitstat_scope {
	EXITSTAT_SCOPE_VM,
	EXITSTAT_SCOPE_HOST,
	EXITSTAT_SCOPE_OFF,
};

/* The parameter guest_scope as it is now. */
enum exitstat_scope exitstat_guest_scope(void);

/* The parameters of the log as they are now. */
__u64 exitstat_log_every(void);
__u32 exitstat_log_cpuid(void);

/*
 * Call @tick once, and once a second while a parameter of the log is set, until
 * it is stopped.  Both may sleep, as may @tick.
 */
void exitstat_ticker_start(void (*tick)(void));
void exitstat_ticker_stop(void);

/* Files of debugfs that read as text. */
enum exitstat_text {
	EXITSTAT_TEXT_CPUS,
	EXITSTAT_TEXT_DETAILS,
	EXITSTAT_TEXT_INFO,
	EXITSTAT_TEXT_REASONS,
	EXITSTAT_TEXT_TOTALS,
	EXITSTAT_TEXT_VCPUS,
};

/* What files call, in the context of the process that uses them. */
struct exitstat_files {
	/* Write a text into @seq_file: 0 or an error. */
	__s32 (*show)(void *seq_file, enum exitstat_text text);
	/* The file log was written to. */
	void (*log)(void);
	/* The device's ioctl. */
	__s64 (*ioctl)(__u32 cmd, __u64 arg);
};

/*
 * Create the files, or return an error. An open file holds a reference to the
 * module: when it exits, none is open.
 */
__s32 exitstat_files_create(const struct exitstat_files *files);
void exitstat_files_remove(void);

/* The parameter detail as it is now: KVM_EXIT_CAPTURE_*. */
__u32 exitstat_detail(void);

/*
 * Call @apply for the parameters of details as they are, and whenever detail is
 * set, until it is stopped.  It is told what to capture and the bytes of a table,
 * returns 0 or an error, and may sleep.
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

/* When the module registered as the observer, in ns since boot. */
__u64 exitstat_load_id(void);

/* A number for @vm_id that is another one after each load, too. */
__u32 exitstat_generation(__u64 vm_id);

__u32 exitstat_current_process(void);
void exitstat_synchronize_rcu(void);

/*
 * 0, or -ENODEV with a message in the log: no VMX, no kvm, or a kvm without
 * the observer. The functions below may be called only after a 0.
 */
__s32 exitstat_preflight(void);

__s32 exitstat_register(const struct kvm_exit_observer *ops);
void exitstat_unregister(void);
void exitstat_visit_vm(void *vm, kvm_exit_visit_t fn, void *arg);
void exitstat_visit_all(kvm_exit_visit_t fn, void *arg);
__u64 exitstat_unattached(void);
void exitstat_capture(__u32 what, __u32 table_size);

#endif /* EXITSTAT_GLUE_H */
