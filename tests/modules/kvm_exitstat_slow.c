// SPDX-License-Identifier: GPL-2.0
/*
 * An observer of VM exits that unregisters while another CPU is in the middle of
 * its callback, and says in the log whether that waited.  Needs two CPUs, and
 * when it is unloaded, a guest that exits all the time.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <asm/kvm_exit_observer.h>
#include <asm/tsc.h>

/* TSC cycles: what is held back at least, and what ends a hold in any case. */
#define HOLD	(10 * 1000 * 1000)
#define LIMIT	(1000 * 1000 * 1000)

static DECLARE_COMPLETION(entered);
static struct task_struct *unregisters;
static bool wanted;	/* the next callback is to be held */
static bool waits;	/* unregistering has come to its grace period */
static bool returned;	/* ... to its end */
static bool waited;	/* ... which was after the callback that was held */
static bool late;	/* a callback came after that */

static int before_grace_period(struct kprobe *probe, struct pt_regs *regs)
{
	if (current == READ_ONCE(unregisters))
		WRITE_ONCE(waits, true);
	return 0;
}

/*
 * With this, the probe is not optimized into a jump: what does that holds
 * text_mutex until all tasks have been scheduled, and unregistering patches
 * text while a callback is held.
 */
static void after_probe(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe grace_period = {
	.symbol_name = "synchronize_rcu",
	.pre_handler = before_grace_period,
	.post_handler = after_probe,
};

static void hold(struct kvm_exit_vcpu *vcpu)
{
	u64 begin = rdtsc(), since = 0;

	complete(&entered);
	while (!READ_ONCE(returned) && rdtsc() - begin < LIMIT) {
		if (since && rdtsc() - since > HOLD) {
			WRITE_ONCE(waited, true);
			break;
		}
		if (!since && READ_ONCE(waits))
			since = rdtsc();
		cpu_relax();
	}
	/* For KASAN to see. */
	READ_ONCE(vcpu->vm_id);
}

static void slow_exit(void *data, u64 reason, s64 cycles)
{
	if (READ_ONCE(returned))
		WRITE_ONCE(late, true);
	/* With IRQs off it would hold up the patching of text. */
	if (data && READ_ONCE(wanted) && !irqs_disabled() && xchg(&wanted, false))
		hold(data);
}

static void slow_retire(void *data)
{
}

static const struct kvm_exit_observer observer = {
	.size = sizeof(struct kvm_exit_observer),
	.exit = slow_exit,
	.user_exit = slow_exit,
	.retire = slow_retire,
	.data_size = sizeof(struct kvm_exit_vcpu),
};

static int __init slow_init(void)
{
	int err = register_kprobe(&grace_period);

	if (err)
		return err;
	err = kvm_exit_observer_register(&observer);
	if (err)
		unregister_kprobe(&grace_period);
	return err;
}
module_init(slow_init);

static void __exit slow_cleanup(void)
{
	WRITE_ONCE(unregisters, current);
	WRITE_ONCE(wanted, true);
	if (!wait_for_completion_timeout(&entered, 10 * HZ))
		pr_err("no callback came\n");

	kvm_exit_observer_unregister();
	WRITE_ONCE(returned, true);

	/* The text stays until all callbacks are over, also if it did not wait. */
	synchronize_rcu();
	unregister_kprobe(&grace_period);
	if (late)
		pr_err("a callback came when unregistering was over\n");
	else if (waited)
		pr_info("unregistering waited for a callback\n");
	else
		pr_err("unregistering did not wait for a callback\n");
}
module_exit(slow_cleanup);

MODULE_DESCRIPTION("Observer of VM exits that takes its time, for tests");
MODULE_LICENSE("GPL");
