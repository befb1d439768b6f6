/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory that the programs write and the command reads. src/layout.rs has the same, and the
 * loader compares the sizes.
 *
 * Only the thread of a vCPU writes to the vCPU's row while it lives, and only a CPU to its own counters,
 * with interrupts off: no atomic operations are needed, and 64-bit loads of a reader see whole values.
 */
#ifndef EXITSTAT_LAYOUT_H
#define EXITSTAT_LAYOUT_H

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;

/* How reasons are numbered: see index_of(). */
#define INDEXES 240
#define INDEX_OTHER (INDEXES - 1)

/*
 * A vCPU has room for so many reasons. A reason gets its slot when it first occurs on the host; the
 * last slot is for all that come too late.
 */
#define SLOTS 55
#define SLOT_OTHER (SLOTS - 1)

/* As the histogram of the module: bucket FIRST_BUCKET has all that is shorter, too. */
#define BUCKETS 32
#define FIRST_BUCKET 6

/* The slot of a reason that has none yet. */
#define NO_SLOT 255

/*
 * What the programs are told. These numbers are in their instructions only, and the loader writes others over them:
 * an instruction less than a load. Offsets are in bytes.
 */
#define LAST_CPU 0x5eed1110	/* that is possible */
#define LAST_ROW 0x5eed2220	/* of vCPUs */
#define REASON 0x5eed3330	/* VMX: the exit reason in struct vcpu_vmx */
#define VMCB 0x5eed4440		/* SVM: the VMCB's pointer in struct vcpu_svm */
#define EXIT_CODE 0x5eed5550	/* SVM: the exit code in the VMCB */
#define VCPU_ID 0x5eed6660	/* in struct kvm_vcpu */
#define NOTIFIER 0x5eed7770	/* the preempt notifier in struct kvm_vcpu */

/* What the counters are of, for whoever finds them; the programs do not look at it. src/about.rs has the same. */
struct about {
	u64 longs[2];
	u32 words[10];
};

/* What a CPU counted of one reason. */
struct tally {
	u64 exits;
	u64 ns;
};

/* A CPU's counters. */
struct cpu {
	u32 row;		/* of the vCPU that exited here last */
	u32 pad[63];
	struct tally tallies[INDEXES];
};

/* What a vCPU counted of one reason. */
struct detail {
	u64 exits;
	u64 ns;
	u64 max;
	u64 user_exits;
	u64 user_ns;
	u64 histogram[BUCKETS];
};

/* A vCPU. */
struct vcpu {
	u64 vcpu;		/* its address in the kernel; 0 if the row is free */
	u64 task;		/* that of the thread that runs it */
	u64 exited;		/* when its open exit was; 0: it has none. ns of CLOCK_MONOTONIC, as all times */
	u64 left;		/* when it went to userspace after that; 0: it did not, or is back */
	u64 descheduled;	/* when its thread was taken off its CPU; 0: it runs */
	u64 off;		/* how long it was off since it exited */
	u64 pad[4];
	u32 interrupted;	/* 1: it left because of a signal or an error, not for userspace to finish an exit */
	u32 slot;		/* the open exit's reason's slot */
	u32 index;		/* and index */
	u32 id;			/* the vCPU's number in its VM */
	u32 pid;		/* the process */
	u32 live;		/* 1: the row can be read */
	struct detail details[SLOTS];
};

/* What there is one of. */
struct host {
	u64 retirals;		/* vCPUs that began to retire */
	u64 retired;		/* those that are done with */
	u64 unattached;		/* vCPUs that have no row */
	u64 pad2;
	u32 hint;		/* where the next free row may be */
	u32 pad;
	u32 owners[SLOTS + 1];	/* each slot's index, plus 1; 0: the slot is free */
	u8 slots[INDEXES];	/* each index's slot, or NO_SLOT */
	struct detail details[SLOTS];	/* of vCPUs that are gone */
};

#endif
