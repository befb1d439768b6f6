// SPDX-License-Identifier: GPL-2.0
/*
 * VM entries that fail: a process that writes N to the parameter "nth" has its
 * Nth VM entry from then on fail, by an invalid control that is there for that
 * entry only.  KVM_RUN then returns KVM_EXIT_FAIL_ENTRY.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <asm/vmx.h>

static pid_t process;
static unsigned long left;	/* of that process, which has one vCPU */

static int nth_set(const char *val, const struct kernel_param *kp)
{
	int err = kstrtoul(val, 0, &left);

	if (!err)
		WRITE_ONCE(process, current->tgid);
	return err;
}

static const struct kernel_param_ops nth_ops = {
	.set = nth_set,
};

module_param_cb(nth, &nth_ops, NULL, 0200);
MODULE_PARM_DESC(nth, "how many VM entries of the process that writes this to the one that fails");

/* As many CR3 targets are never supported, see IA32_VMX_MISC. */
#define INVALID	U32_MAX

static const unsigned long field = CR3_TARGET_COUNT;

static unsigned long read_control(void)
{
	unsigned long value;

	asm volatile("vmread %1, %0" : "=r" (value) : "r" (field) : "cc");
	return value;
}

static void write_control(unsigned long value)
{
	asm volatile("vmwrite %0, %1" : : "r" (value), "r" (field) : "cc");
}

/* vmx_vcpu_run() has IRQs off from begin to end, and the vCPU's VMCS current. */
static int before_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	unsigned long *valid = (unsigned long *)instance->data;

	/* Do not call after_entry(). */
	if (current->tgid != READ_ONCE(process) || --left)
		return 1;

	WRITE_ONCE(process, 0);
	*valid = read_control();
	write_control(INVALID);
	return 0;
}

static int after_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	unsigned long *valid = (unsigned long *)instance->data;

	write_control(*valid);
	return 0;
}

static struct kretprobe entry = {
	.kp.symbol_name = "vmx_vcpu_run",
	.entry_handler = before_entry,
	.handler = after_entry,
	.data_size = sizeof(unsigned long),
};

static int __init failed_entry_init(void)
{
	int err = register_kretprobe(&entry);

	if (err)
		pr_err("no probe of %s, is kvm_intel loaded? %d\n", entry.kp.symbol_name, err);
	return err;
}
module_init(failed_entry_init);

static void __exit failed_entry_exit(void)
{
	unregister_kretprobe(&entry);
}
module_exit(failed_entry_exit);

MODULE_DESCRIPTION("VM entries that fail, for tests");
MODULE_LICENSE("GPL");
