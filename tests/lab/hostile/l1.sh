# Guests that query the leaves exhaustively in all modes. Each answer follows the rule. SWEEP=--full asks every
# question in every mode.
answered() {
	name=$1
	shift
	check "answers by the rule: $name" bare sweep $SWEEP "$@"
	cat /tmp/check.out
}
modprobe kvm force_emulation_prefix=1
modprobe kvm_intel

answered "64 bits, ring 3, every class of ecx in full" --mode 64 --ring 3 $([ -n "$SWEEP" ] || echo --full)
answered "64 bits, ring 0" --mode 64
answered "32 bits, ring 0" --mode 32
answered "32 bits, ring 3" --mode 32 --ring 3
answered "real mode" --mode 16
answered "64 bits, ring 0, the VMM has entries of its own" --mode 64 --vmm-entries
answered "32 bits, ring 3, the VMM has entries of its own" --mode 32 --ring 3 --vmm-entries
answered "64 bits, ring 0, emulated after the prefix" --mode 64 --by prefix
answered "64 bits, ring 3, emulated after the prefix" --mode 64 --ring 3 --by prefix
answered "32 bits, ring 3, emulated after the prefix" --mode 32 --ring 3 --by prefix --vmm-entries

rmmod kvm_intel
modprobe kvm_intel unrestricted_guest=0
answered "real mode, without unrestricted guest" --mode 16
answered "real mode, emulated as the state is invalid" --mode 16 --by state
check "unloads" rmmod kvm_exitstat
