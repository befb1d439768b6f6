# SPDX-License-Identifier: GPL-2.0
# Functions that compare details with KVM's tracepoints, for scripts to source.
exitstat_parameters=/sys/module/kvm_exitstat/parameters

# capture WHAT [BYTES]: starts capturing details.
capture() {
	[ -z "$2" ] || echo $2 >$exitstat_parameters/detail_size
	echo $1 >$exitstat_parameters/detail
}

# Tracepoints with the keys of their histograms.
detail_oracles='kvm/kvm_exit exit_reason,guest_rip
kvm/kvm_exit exit_reason,info1,intr_info
kvm/kvm_msr write,ecx
kvm/kvm_cpuid function,index
kvm/kvm_hypercall nr
kvm/kvm_page_fault fault_address,error_code
kvm/kvm_mmio type,gpa
kvm/kvm_fast_mmio gpa'

# details_arm, details_disarm: start and stop the tracepoints' histograms. Call them before the first guest and
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

# details NAME: after all guests, makes the lab compare the module's details with the histograms, key by key.
details() {
	cat /sys/kernel/debug/kvm_exitstat/details | report "detail $1 captured"
	cat /sys/kernel/debug/kvm_exitstat/totals | report "detail $1 totals"
	for details_event in kvm/kvm_exit kvm/kvm_msr kvm/kvm_cpuid kvm/kvm_hypercall kvm/kvm_page_fault kvm/kvm_mmio \
		kvm/kvm_fast_mmio; do
		cat /sys/kernel/tracing/events/$details_event/hist | report "detail $1 ${details_event#*/}"
	done
}
