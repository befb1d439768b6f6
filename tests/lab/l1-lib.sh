# SPDX-License-Identifier: GPL-2.0
# Functions for L1 scripts, sourced before them.

# report NAME <DATA: sends DATA to the lab on a separate channel, not the console.
report() {
	{
		printf '\n@begin %s\n' "$1"
		cat
		printf '@end %s\n' "$1"
	} | bare say
}

# check NAME COMMAND...: a test, counted by the lab. Prints the command's output.
check() {
	check_name=$1
	shift
	"$@" >/tmp/check.out 2>&1
	check_status=$?
	{
		echo "$check_status"
		cat /tmp/check.out
	} | report "check $check_name"
	[ $check_status = 0 ] || sed "s/^/check $check_name: /" /tmp/check.out
}

# ended_well STATUS: checks the status of an earlier command, for `check`.
ended_well() {
	echo "exit status $1"
	[ "$1" = 0 ]
}

# KVM's module for this processor.
export VENDOR=kvm_intel
! grep -qw svm /proc/cpuinfo || VENDOR=kvm_amd

# Unloads all of KVM.
unload_all() {
	for module in failed_entry kvm_exitstat_kunit kvm_exitstat_second kvm_exitstat_slow kvm_exitstat \
		$VENDOR kvm; do
		! grep -q "^$module " /proc/modules || rmmod $module
	done
}

# l2 [-n VCPUS] [-m MIB] [-M microvm|q35|pc] [-s SCRIPT] [-a APPEND] [-- QEMU ARGUMENT...]: boots a guest that
# runs SCRIPT (of those given to the lab; default: the first), prints its serial console, and returns the
# script's exit status. Loads KVM if necessary.
l2() {
	l2_cpus=$L2_CPUS l2_mem=128 l2_machine=microvm l2_script=$L2_SCRIPT l2_append=
	while getopts n:m:M:s:a: l2_opt; do
		case $l2_opt in
		n) l2_cpus=$OPTARG ;;
		m) l2_mem=$OPTARG ;;
		M) l2_machine=$OPTARG ;;
		s) l2_script=$OPTARG ;;
		a) l2_append=$OPTARG ;;
		*) return 2 ;;
		esac
	done
	shift $((OPTIND - 1))
	OPTIND=1

	[ -e /dev/kvm ] && [ -d /sys/module/$VENDOR ] || modprobe $VENDOR || return
	echo x >>/tmp/l2.count
	l2_out=$(mktemp /tmp/l2.XXXXXX)
	l2_append="console=ttyS0 reboot=t panic=-1 quiet loglevel=3 l2.script=$l2_script $l2_append"
	set -- -m $l2_mem -smp $l2_cpus -cpu host -nodefaults -no-user-config -nographic \
		-serial stdio -no-reboot -kernel /lab/l2.kernel -initrd /lab/l2.initrd \
		-append "$l2_append" "$@"
	if [ $l2_machine = microvm ]; then
		set -- qemu-system-x86_64-microvm -M microvm,isa-serial=on,accel=kvm "$@"
	else
		if ! command -v qemu-system-x86_64 >/dev/null; then
			echo "l2: the full QEMU is not here: give the lab --full-qemu"
			return 2
		fi
		set -- qemu-system-x86_64 -M $l2_machine,accel=kvm "$@"
	fi
	# Without the BIOS's cursor movements.
	l2_esc=$(printf '\033')
	"$@" | tee "$l2_out" | grep -v '^@l2 ' |
		sed "s/\r\$//; s/$l2_esc\[[0-9;?]*[A-Za-z]//g; s/${l2_esc}c//g"
	l2_status=$(sed -n 's/^@l2 exit \([0-9]*\).*/\1/p' "$l2_out")
	rm "$l2_out"
	[ -n "$l2_status" ] || echo "l2: the guest did not come to its end"
	return ${l2_status:-125}
}

TRIGGER=/sys/kernel/tracing/events/kvm/kvm_exit/trigger

# oracle_arm [PARAMETER...]: starts the tracepoint's histogram. Call it before the first guest, and read the
# histogram after the last. Loads KVM's module for the processor, with the parameters, if necessary.
oracle_arm() {
	modprobe $VENDOR "$@"
	echo 'hist:keys=exit_reason:size=4096' >$TRIGGER
}

oracle_disarm() {
	echo '!hist:keys=exit_reason:size=4096' >$TRIGGER
}

# agreement NAME [VCPUS]: makes the lab compare the module's totals with the oracle's, reason by reason. VCPUS
# (default: 0) could not be allocated, so they are included only in the host's totals.
agreement() {
	echo ${2:-0} | report "agreement $1 unattached"
	cat /sys/kernel/debug/kvm_exitstat/totals | report "agreement $1 totals"
	cat /sys/kernel/debug/kvm_exitstat/vcpus | report "agreement $1 vcpus"
	cat /sys/kernel/tracing/events/kvm/kvm_exit/hist | report "agreement $1 hist"
	oracle_disarm
}
