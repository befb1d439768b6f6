// SPDX-License-Identifier: GPL-2.0
/* An observer of VM exits that only counts them: to be second, or another. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>
#include <asm/kvm_exit_observer.h>

static atomic64_t exits;

static int exits_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%lld\n", atomic64_read(&exits));
}

static const struct kernel_param_ops exits_ops = {
	.get = exits_get,
};

module_param_cb(exits, &exits_ops, NULL, 0444);
MODULE_PARM_DESC(exits, "VM exits since the module was loaded");

static void second_exit(void *data, u64 reason, s64 cycles)
{
	atomic64_inc(&exits);
}

static void second_retire(void *data)
{
}

static const struct kvm_exit_observer observer = {
	.size = sizeof(struct kvm_exit_observer),
	.exit = second_exit,
	.user_exit = second_exit,
	.retire = second_retire,
	.data_size = sizeof(struct kvm_exit_vcpu),
};

static int __init second_init(void)
{
	/* As if compiled with a header that has more members. */
	static const struct kvm_exit_observer other = {
		.size = sizeof(struct kvm_exit_observer) + 8,
	};
	int err = kvm_exit_observer_register(&other);

	pr_info("of another version: %d\n", err);
	if (!err)
		kvm_exit_observer_unregister();

	err = kvm_exit_observer_register(&observer);
	if (err)
		pr_err("refused: %d\n", err);
	return err;
}
module_init(second_init);

static void __exit second_cleanup(void)
{
	kvm_exit_observer_unregister();
}
module_exit(second_cleanup);

MODULE_DESCRIPTION("Second observer of VM exits, for tests");
MODULE_LICENSE("GPL");
