# KUnit suites of the module's code. They run when their module is loaded. The lab reads KUnit's results.
results=/sys/kernel/debug/kunit/exitstat_*/results
check "the suites' module loads" modprobe kvm_exitstat_kunit
for file in $results; do
	suite=${file%/results}
	report "kunit ${suite##*/}" <"$file"
done
check "it observes nothing: kvm_exitstat loads beside it" sh -c '
	modprobe kvm_intel && grep "^kvm_exitstat " /proc/modules'
check "it unloads" rmmod kvm_exitstat_kunit
check "it loads beside kvm_exitstat" modprobe kvm_exitstat_kunit
check "its suites pass there too" sh -c "! grep '^ *not ok' $results"
check "its counters are its own" sh -c '
	! grep -v " 0 0$" /sys/kernel/debug/kvm_exitstat/totals | grep -v "^unattached 0$"'
