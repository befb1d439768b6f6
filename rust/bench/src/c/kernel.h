/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the kernel that the shim's inline functions use, in user space.
 * They compile to the instructions of a kernel with an observer; comments note
 * the differences.
 */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8, __u8;
typedef uint16_t u16, __u16;
typedef uint32_t u32, __u32;
typedef uint64_t u64, __u64;
typedef int64_t s64, __s64;

#define U32_MAX			UINT32_MAX
#define KVM_EXIT_MEMORY_FAULT	39
#define HF_GUEST_MASK		(1 << 0)

#undef __always_inline
#define __always_inline	inline __attribute__((always_inline))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define barrier()	asm volatile("" ::: "memory")
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile __typeof__(x) *)&(x) = (value))

#define __aligned(bytes)	__attribute__((aligned(bytes)))

struct list_head {
	struct list_head *next, *prev;
};

static __always_inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return low | (u64)high << 32;
}

/* Enabled keys: a NOP if the code says likely, a jump if it says unlikely. */
#define DECLARE_STATIC_KEY_FALSE(name)	struct name
#define static_branch_likely(key)	key_is_on_likely()
#define static_branch_unlikely(key)	key_is_on_unlikely()

static __always_inline bool key_is_on_likely(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x44, 0x00, 0x00");
	return true;
}

static __always_inline bool key_is_on_unlikely(void)
{
	asm goto("jmp %l[on]" : : : : on);
	return false;
on:
	return true;
}

/* The kernel patches in a direct call; this one goes through a pointer. */
#define DECLARE_STATIC_CALL(name, func)	extern __typeof__(func) *target_of_##name
#define static_call_cond(name)		(*target_of_##name)

/* Relative to %fs; the kernel's is relative to %gs. */
extern __thread u32 preempt_count __attribute__((tls_model("local-exec")));
void preempt_schedule(void);

static __always_inline void preempt_disable(void)
{
	preempt_count++;
	barrier();
}

static __always_inline void preempt_enable(void)
{
	barrier();
	if (unlikely(!--preempt_count))
		preempt_schedule();
}

#endif /* BENCH_KERNEL_H */
