# SPDX-License-Identifier: GPL-2.0
# What exits are about, against KVM's tracepoints. Sourced by the scripts that compare them.
exitstat_parameters=/sys/module/kvm_exitstat/parameters

# capture WHAT [BYTES]: begins to capture details.
capture() {
	[ -z "$2" ] || echo $2 >$exitstat_parameters/detail_size
	echo $1 >$exitstat_parameters/detail
}

# Each tracepoint, with the keys of its histogram.
detail_oracles='kvm/kvm_exit exit_reason,guest_rip
kvm/kvm_exit exit_reason,info1,intr_info
kvm/kvm_msr write,ecx
kvm/kvm_cpuid function,index
kvm/kvm_hypercall nr
kvm/kvm_page_fault fault_address,error_code
kvm/kvm_mmio type,gpa
kvm/kvm_fast_mmio gpa'

# details_arm, details_disarm: begin, and end, to keep the tracepoints' histograms. Before the first guest, and
# after the last.
details_arm() {
	echo "$detail_oracles" | while read -r event keys; do
		echo "hist:keys=$keys:size=131072" >>/sys/kernel/tracing/events/$event/trigger
	done
}
details_disarm() {
	echo "$detail_oracles" | while read -r event keys; do
		echo "!hist:keys=$keys:size=131072" >>/sys/kernel/tracing/events/$event/trigger
	done
}

# details NAME: has the lab compare what the module captured with the histograms, key by key, after all guests.
details() {
	cat /sys/kernel/debug/kvm_exitstat/details | report "detail $1 captured"
	cat /sys/kernel/debug/kvm_exitstat/totals | report "detail $1 totals"
	for details_event in kvm/kvm_exit kvm/kvm_msr kvm/kvm_cpuid kvm/kvm_hypercall kvm/kvm_page_fault kvm/kvm_mmio \
		kvm/kvm_fast_mmio; do
		cat /sys/kernel/tracing/events/$details_event/hist | report "detail $1 ${details_event#*/}"
	done
}
