// SPDX-License-Identifier: GPL-2.0
/*
 * The files in debugfs and the device. An open file must pin the module, which
 * has its file operations. The kernel crate sets no owner for files in debugfs,
 * nor for those of a miscdevice before Linux 7.3: closing such a file after
 * rmmod faults.
 */
#include <linux/debugfs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "exitstat_glue.h"

/* Set while the files exist. */
static const struct exitstat_files *files;
static struct dentry *directory;

static int text_show(struct seq_file *file, void *unused)
{
	return files->show(file, (uintptr_t)file->private);
}
DEFINE_SHOW_ATTRIBUTE(text);

static ssize_t log_write(struct file *file, const char __user *buffer, size_t count, loff_t *pos)
{
	files->log();
	return count;
}

static const struct file_operations log_fops = {
	.owner = THIS_MODULE,
	.write = log_write,
};

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return files->ioctl(cmd, arg);
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* For root only; a udev rule can let a group read it. */
static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &device_fops,
};

static void create_text(const char *name, enum exitstat_text text)
{
	debugfs_create_file(name, 0400, directory, (void *)(uintptr_t)text, &text_fops);
}

s32 exitstat_files_create(const struct exitstat_files *calls)
{
	int err;

	files = calls;
	err = misc_register(&device);
	if (err)
		return err;
	/* Nothing depends on debugfs: errors are ignored. */
	directory = debugfs_create_dir(KBUILD_MODNAME, NULL);
	create_text("cpus", EXITSTAT_TEXT_CPUS);
	create_text("details", EXITSTAT_TEXT_DETAILS);
	create_text("info", EXITSTAT_TEXT_INFO);
	create_text("reasons", EXITSTAT_TEXT_REASONS);
	create_text("totals", EXITSTAT_TEXT_TOTALS);
	create_text("vcpus", EXITSTAT_TEXT_VCPUS);
	debugfs_create_file("log", 0200, directory, NULL, &log_fops);
	return 0;
}

void exitstat_files_remove(void)
{
	debugfs_remove(directory);
	misc_deregister(&device);
}
