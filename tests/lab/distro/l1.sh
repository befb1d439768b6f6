# Checks whether the kernel's mitigations are as in MITIGATIONS: on or off.
cd /sys/devices/system/cpu/vulnerabilities
grep . * | report vulnerabilities
if [ "$MITIGATIONS" = on ]; then
	check "indirect branches are protected" grep '^Mitigation' spectre_v2
	check "indirect calls are checked" sh -c 'dmesg | grep "Using .*\(kCFI\|FineIBT\)"'
else
	check "indirect branches are not protected" grep '^Vulnerable' spectre_v2
	check "indirect calls are not checked" sh -c 'dmesg | grep "CFI: disabled"'
fi
