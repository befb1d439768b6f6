# The command enables capturing of details, and shows them to those who may see them.
. /lab/detail-lib.sh
modprobe kvm_exitstat
parameter=$exitstat_parameters/detail
check "without details, exitstat detail says how to have some" sh -c '
	exitstat detail 2>&1 | tee /dev/stderr | grep "exitstat detail --capture key"'
check "exitstat record has them captured while a guest runs" exitstat record --capture key -o /tmp/guest.rec -- \
	sh -c '. /lab/lib.sh; l2 -n 2 -s work.sh'
check "and no longer" grep -qx off $parameter
check "rows and other add up to what was counted" sh -c '
	# From vCPUs: CPUs also count exits before a vCPU is attached.
	exitstat report /tmp/guest.rec --format json | tr "{" "\n" | awk -F"[:,]" "
		/^\"number\"/ { number = \$2 } /^\"exits\"/ { if (number ~ /^[0-9]/) print number, \$2; number = \"\" }" | sort >/tmp/counted
	exitstat detail --from /tmp/guest.rec --format csv | awk -F, "
		NR > 1 { sum[\$1] += \$8 } END { for (n in sum) print n, sum[n] }" | sort >/tmp/sums
	cat /tmp/sums
	[ -s /tmp/sums ] && diff /tmp/counted /tmp/sums'
check "exitstat detail names what exits are about" sh -c '
	exitstat detail --from /tmp/guest.rec -n 12 | tee /dev/stderr | grep "IA32_TSC_DEADLINE" && exitstat detail --from /tmp/guest.rec IO_INSTRUCTION | tee /dev/stderr | grep "COM1"'
check "the slowest exits are kept, the longest of all among them" sh -c '
	exitstat slow --from /tmp/guest.rec -n 5 >&2
	longest=$(exitstat detail --from /tmp/guest.rec --format csv | awk -F, "\$10 > most { most = \$10 + 0 } END { print most }")
	exitstat slow --from /tmp/guest.rec --format csv | awk -F, "NR == 2 { print \$11 }" | grep -x "$longest"'
exitstat record --capture both -o /tmp/interrupted.rec &
recorder=$!
until [ -s /tmp/interrupted.rec ]; do sleep 0.01; done
check "what somebody captures already is not ended by another" sh -c "
	exitstat detail --capture key -i 0.1 2>&1 | tee /dev/stderr | grep 'already captures .both.' && grep -qx both $parameter"
kill -TERM $recorder
wait $recorder
check "a recording that is ended by a signal ends capturing, too" grep -qx off $parameter
chmod 666 /dev/kvm_exitstat
nobody='setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all'
check "who may read the device sees no details without CAP_PERFMON" sh -c "
	$nobody exitstat >/dev/null && $nobody exitstat detail 2>&1 | tee /dev/stderr | grep CAP_PERFMON"
check "nor has such a one details captured" sh -c "
	$nobody exitstat detail --capture key -i 0.1 2>&1 | tee /dev/stderr | grep 'as root'"
check "a parameter that is wrong is refused, and the log says what is right" sh -c "
	! echo all >$parameter && ! echo 5000 >${parameter}_size && dmesg | tail -n 20 | tee /dev/stderr |
		grep 'detail must be one of off, key, ip, both' && dmesg | grep 'detail_size must be a multiple of 4096'"
check "unloads" rmmod kvm_exitstat
