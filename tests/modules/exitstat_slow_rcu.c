// SPDX-License-Identifier: GPL-2.0
/* RCU's grace periods take long: one CPU is in a read-side section nearly always. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

static uint cpu;
module_param(cpu, uint, 0444);
MODULE_PARM_DESC(cpu, "the CPU, which is of little use for anything else");

static uint ms = 60;
module_param(ms, uint, 0444);
MODULE_PARM_DESC(ms, "how long a section takes");

static struct task_struct *reader;

static int read(void *unused)
{
	while (!kthread_should_stop()) {
		unsigned long end = jiffies + msecs_to_jiffies(ms);

		/* Preemptible RCU would let others run meanwhile. */
		rcu_read_lock();
		preempt_disable();
		/* Woken by ticks, which go on; to spin is dear in an emulator. */
		while (time_before(jiffies, end)) {
			raw_local_irq_disable();
			raw_safe_halt();
			raw_local_irq_enable();
		}
		preempt_enable();
		rcu_read_unlock();

		/* Others may have to run on this CPU, and RCU must see it. */
		schedule_timeout_idle(1);
	}
	return 0;
}

static int __init slow_rcu_init(void)
{
	reader = kthread_create_on_cpu(read, NULL, cpu, "slow_rcu/%u");
	if (IS_ERR(reader))
		return PTR_ERR(reader);

	wake_up_process(reader);
	return 0;
}
module_init(slow_rcu_init);

static void __exit slow_rcu_cleanup(void)
{
	kthread_stop(reader);
}
module_exit(slow_rcu_cleanup);

MODULE_DESCRIPTION("Long RCU grace periods, for tests");
MODULE_LICENSE("GPL");
