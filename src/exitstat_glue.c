// SPDX-License-Identifier: GPL-2.0
/* See exitstat_glue.h. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include <asm/cpufeature.h>
#include <asm/tsc.h>

#include "exitstat_glue.h"

/* Global for exitstat_main.o, which addresses it by name. */
DECLARE_PER_CPU_ALIGNED(struct exitstat_cpu_table, exitstat_cpu_table);
DEFINE_PER_CPU_ALIGNED(struct exitstat_cpu_table, exitstat_cpu_table);

struct exitstat_cpu_table *exitstat_cpu_table_of(u32 cpu)
{
	if (cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return NULL;
	return per_cpu_ptr(&exitstat_cpu_table, cpu);
}

u32 exitstat_cpu_limit(void)
{
	return nr_cpu_ids;
}

/* guest_scope: a word and writable, which module! does not support. */

static const char *const scope_names[] = {
	[EXITSTAT_SCOPE_VM] = "vm",
	[EXITSTAT_SCOPE_HOST] = "host",
	[EXITSTAT_SCOPE_OFF] = "off",
};

static int guest_scope = EXITSTAT_SCOPE_VM;

static int guest_scope_set(const char *val, const struct kernel_param *kp)
{
	int scope = sysfs_match_string(scope_names, val);

	if (scope < 0) {
		pr_err("guest_scope must be one of vm, host, off; not '%.*s'\n",
		       (int)strcspn(val, "\n"), val);
		return -EINVAL;
	}
	WRITE_ONCE(guest_scope, scope);
	return 0;
}

static int guest_scope_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", scope_names[READ_ONCE(guest_scope)]);
}

static const struct kernel_param_ops guest_scope_ops = {
	.set = guest_scope_set,
	.get = guest_scope_get,
};

module_param_cb(guest_scope, &guest_scope_ops, NULL, 0644);
MODULE_PARM_DESC(guest_scope,
		 "whose exits CPUID reports to a guest: vm (its own, default), host (all), off (no answer)");

enum exitstat_scope exitstat_guest_scope(void)
{
	return READ_ONCE(guest_scope);
}

/* Parameters of the log, and the work item that writes it once a second. */

static unsigned long long log_every;
static bool log_cpuid;
static void (*ticker)(void);	/* protected by kernel_param_lock() */

static void tick(struct work_struct *work);
static DECLARE_DELAYED_WORK(ticker_work, tick);

static void tick(struct work_struct *work)
{
	ticker();
	if (READ_ONCE(log_every) || READ_ONCE(log_cpuid))
		schedule_delayed_work(&ticker_work, HZ);
}

void exitstat_ticker_start(void (*fn)(void))
{
	kernel_param_lock(THIS_MODULE);
	ticker = fn;
	schedule_delayed_work(&ticker_work, 0);
	kernel_param_unlock(THIS_MODULE);
}

/* Parameters stay writable until the module is gone: disable the work. */
void exitstat_ticker_stop(void)
{
	disable_delayed_work_sync(&ticker_work);
}

/* Parameters may be set before the ticker starts; later they wake it up. */
static int log_param_set(int err, const char *val, const char *rule)
{
	if (err)
		pr_err("%s; not '%.*s'\n", rule, (int)strcspn(val, "\n"), val);
	else if (ticker)
		mod_delayed_work(system_percpu_wq, &ticker_work, 0);
	return err;
}

static int log_every_set(const char *val, const struct kernel_param *kp)
{
	return log_param_set(param_set_ullong(val, kp), val,
			     "log_every must be a number of exits, or 0 for never");
}

static int log_cpuid_set(const char *val, const struct kernel_param *kp)
{
	return log_param_set(param_set_bool(val, kp), val, "log_cpuid must be 0 or 1");
}

static const struct kernel_param_ops log_every_ops = {
	.set = log_every_set,
	.get = param_get_ullong,
};

static const struct kernel_param_ops log_cpuid_ops = {
	.set = log_cpuid_set,
	.get = param_get_bool,
};

module_param_cb(log_every, &log_every_ops, &log_every, 0644);
MODULE_PARM_DESC(log_every,
		 "log the table of exits by reason every N exits, at most once a second (0: never, default)");
module_param_cb(log_cpuid, &log_cpuid_ops, &log_cpuid, 0644);
MODULE_PARM_DESC(log_cpuid, "log answers to guests, at most 64 per second (default 0)");

u64 exitstat_log_every(void)
{
	return READ_ONCE(log_every);
}

u32 exitstat_log_cpuid(void)
{
	return READ_ONCE(log_cpuid);
}

/* Details to capture, and the size of each vCPU's table for them. */

static const char *const detail_names[] = {
	[0] = "off",
	[KVM_EXIT_CAPTURE_KEY] = "key",
	[KVM_EXIT_CAPTURE_IP] = "ip",
	[KVM_EXIT_CAPTURE] = "both",
};

#define DETAIL_SIZE_LEAST	4096
#define DETAIL_SIZE_MOST	(4 << 20)

static unsigned int detail_size = 128 << 10;
static int detail;
static s32 (*detail_apply)(u32 what, u32 size);	/* protected by kernel_param_lock() */

static int detail_apply_now(int what)
{
	int err = detail_apply ? detail_apply(what, detail_size) : 0;

	WRITE_ONCE(detail, err ? 0 : what);
	if (err)
		pr_err("out of memory: details are not captured\n");
	return err;
}

static int detail_set(const char *val, const struct kernel_param *kp)
{
	int what = sysfs_match_string(detail_names, val);

	if (what < 0) {
		pr_err("detail must be one of off, key, ip, both; not '%.*s'\n",
		       (int)strcspn(val, "\n"), val);
		return -EINVAL;
	}
	return detail_apply_now(what);
}

static int detail_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", detail_names[READ_ONCE(detail)]);
}

static const struct kernel_param_ops detail_ops = {
	.set = detail_set,
	.get = detail_get,
};

static int detail_size_set(const char *val, const struct kernel_param *kp)
{
	unsigned int size;

	if (kstrtouint(val, 0, &size) || size < DETAIL_SIZE_LEAST || size > DETAIL_SIZE_MOST ||
	    size % DETAIL_SIZE_LEAST) {
		pr_err("detail_size must be a multiple of %d bytes, at most %d; not '%.*s'\n",
		       DETAIL_SIZE_LEAST, DETAIL_SIZE_MOST, (int)strcspn(val, "\n"), val);
		return -EINVAL;
	}
	WRITE_ONCE(detail_size, size);
	return 0;
}

static const struct kernel_param_ops detail_size_ops = {
	.set = detail_size_set,
	.get = param_get_uint,
};

module_param_cb(detail, &detail_ops, NULL, 0644);
MODULE_PARM_DESC(detail,
		 "capture details of exits: off (default), key (MSR, port, address ...), ip (guest instruction pointer), both");
module_param_cb(detail_size, &detail_size_ops, &detail_size, 0644);
MODULE_PARM_DESC(detail_size,
		 "bytes of memory for the details of each vCPU, applied when detail is next set (default 131072)");

u32 exitstat_detail(void)
{
	return READ_ONCE(detail);
}

void exitstat_detail_start(s32 (*apply)(u32 what, u32 size))
{
	kernel_param_lock(THIS_MODULE);
	detail_apply = apply;
	if (detail)
		detail_apply_now(detail);
	kernel_param_unlock(THIS_MODULE);
}

void exitstat_detail_stop(void)
{
	kernel_param_lock(THIS_MODULE);
	detail_apply = NULL;
	kernel_param_unlock(THIS_MODULE);
}

/* Clocks and tasks of the kernel. */

void exitstat_read_clock(struct exitstat_clock *clock)
{
	clock->tsc = rdtsc();
	clock->realtime = ktime_get_real_ns();
	clock->tsc_khz = tsc_khz;
}

u64 exitstat_tsc(void)
{
	return rdtsc();
}

static u64 load_id;

u64 exitstat_load_id(void)
{
	return load_id;
}

bool exitstat_perfmon_capable(void)
{
	return perfmon_capable();
}

static siphash_key_t generation_key;

u32 exitstat_generation(u64 vm_id)
{
	return siphash_1u64(vm_id, &generation_key);
}

u32 exitstat_current_process(void)
{
	return current->tgid;
}

void exitstat_synchronize_rcu(void)
{
	synchronize_rcu();
}

MODULE_VERSION(EXITSTAT_VERSION);

/*
 * Weak, so that loading on a kernel without the shim fails with a clear message
 * instead of a list of unknown symbols.
 */
extern typeof(kvm_exit_observer_register) kvm_exit_observer_register __weak;
extern typeof(kvm_exit_observer_unregister) kvm_exit_observer_unregister __weak;
extern typeof(kvm_exit_observer_visit_vm) kvm_exit_observer_visit_vm __weak;
extern typeof(kvm_exit_observer_visit_all) kvm_exit_observer_visit_all __weak;
extern typeof(kvm_exit_observer_unattached) kvm_exit_observer_unattached __weak;
extern typeof(kvm_exit_observer_capture) kvm_exit_observer_capture __weak;

s32 exitstat_preflight(void)
{
	if (!boot_cpu_has(X86_FEATURE_VMX)) {
		pr_err("this CPU has no VMX, or the firmware or hypervisor hides it\n");
		return -ENODEV;
	}
	if (!kvm_exit_observer_register) {
		pr_err("kvm is not loaded, or this kernel's kvm lacks the exit observer: patch and rebuild kvm and kvm_intel (see README.md), and load them with modprobe\n");
		return -ENODEV;
	}
	return 0;
}

s32 exitstat_register(const struct kvm_exit_observer *ops)
{
	int err;

	load_id = ktime_get_boottime_ns();
	get_random_bytes(&generation_key, sizeof(generation_key));
	err = kvm_exit_observer_register(ops);
	if (err == -EBUSY)
		pr_err("another module already observes VM exits\n");
	if (err == -EINVAL)
		pr_err("the loaded kvm was built for another version of exitstat: load both from the same build\n");
	return err;
}

void exitstat_unregister(void)
{
	kvm_exit_observer_unregister();
}

void exitstat_visit_vm(void *vm, kvm_exit_visit_t fn, void *arg)
{
	kvm_exit_observer_visit_vm(vm, fn, arg);
}

void exitstat_visit_all(kvm_exit_visit_t fn, void *arg)
{
	kvm_exit_observer_visit_all(fn, arg);
}

u64 exitstat_unattached(void)
{
	return kvm_exit_observer_unattached();
}

void exitstat_capture(u32 what, u32 table_size)
{
	kvm_exit_observer_capture(what, table_size);
}
