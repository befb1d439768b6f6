/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that the programs write and the command reads. src/layout.rs has the same layout, and the loader
 * compares the sizes.
 *
 * A vCPU's row is written only by the vCPU's thread while the vCPU lives, and a CPU's counters only by that
 * CPU with interrupts disabled. So no atomic operations are needed, and a reader's 64-bit loads see whole
 * values.
 */
#ifndef EXITSTAT_LAYOUT_H
#define EXITSTAT_LAYOUT_H

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;

/* Number of indexes of reasons, see index_of(). */
#define INDEXES 240
#define INDEX_OTHER (INDEXES - 1)

/*
 * Number of reasons in a vCPU's row. A reason gets its slot when it first occurs on the host. The last slot
 * is shared by all reasons that come later.
 */
#define SLOTS 55
#define SLOT_OTHER (SLOTS - 1)

/* Like the module's histogram: bucket FIRST_BUCKET also counts all shorter exits. */
#define BUCKETS 32
#define FIRST_BUCKET 6

/* Slot of a reason without a slot. */
#define NO_SLOT 255

/*
 * Placeholders in the programs' instructions, which the loader overwrites with the actual numbers. This saves
 * an instruction compared with a load. Offsets are in bytes.
 */
#define LAST_CPU 0x5eed1110	/* last possible CPU */
#define LAST_ROW 0x5eed2220	/* last row of a vCPU */
#define REASON 0x5eed3330	/* VMX: exit reason in struct vcpu_vmx */
#define VMCB 0x5eed4440		/* SVM: VMCB pointer in struct vcpu_svm */
#define EXIT_CODE 0x5eed5550	/* SVM: exit code in the VMCB */
#define VCPU_ID 0x5eed6660	/* in struct kvm_vcpu */
#define NOTIFIER 0x5eed7770	/* preempt notifier in struct kvm_vcpu */

/*
 * Description of the counters, for whoever finds them; the programs ignore it. src/about.rs has the same
 * layout.
 */
struct about {
	u64 longs[2];
	u32 words[10];
};

/* Counters of one reason on a CPU. */
struct tally {
	u64 exits;
	u64 ns;
};

/* Counters of a CPU. */
struct cpu {
	u32 row;		/* row of the vCPU that last exited here */
	u32 pad[63];
	struct tally tallies[INDEXES];
};

/* Counters of one reason of a vCPU. */
struct detail {
	u64 exits;
	u64 ns;
	u64 max;
	u64 user_exits;
	u64 user_ns;
	u64 histogram[BUCKETS];
};

/* A vCPU's row. */
struct vcpu {
	u64 vcpu;		/* kernel address of the vCPU; 0 if the row is free */
	u64 task;		/* kernel address of the thread that runs it */
	u64 exited;		/* start of the open exit, 0 without one; all times in ns of CLOCK_MONOTONIC */
	u64 left;		/* when it then went to userspace; 0 if it did not, or is back */
	u64 descheduled;	/* when its thread was scheduled out; 0 while it runs */
	u64 off;		/* time off the CPU since the exit */
	u64 pad[4];
	u32 interrupted;	/* 1 if KVM_RUN failed, so userspace has no exit to finish */
	u32 slot;		/* slot of the open exit's reason */
	u32 index;		/* index of that reason */
	u32 id;			/* ID of the vCPU in its VM */
	u32 pid;		/* process ID */
	u32 live;		/* 1 if the row can be read */
	struct detail details[SLOTS];
};

/* Data that exists once. */
struct host {
	u64 retirals;		/* vCPUs that began to retire */
	u64 retired;		/* vCPUs that have retired */
	u64 unattached;		/* vCPUs without a row */
	u64 pad2;
	u32 hint;		/* where to search for a free row */
	u32 pad;
	u32 owners[SLOTS + 1];	/* index + 1 of each slot; 0 if the slot is free */
	u8 slots[INDEXES];	/* slot of each index, or NO_SLOT */
	struct detail details[SLOTS];	/* retired vCPUs */
};

#endif
