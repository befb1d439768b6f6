# Details of Debian's exits, from power-on to its login prompt. /lab/study.sh starts it.
. /lab/counts.sh
. /lab/detail-lib.sh
. /lab/study.sh
oracle_arm
# Room for most of its instruction pointers.
capture both 4194304
details_arm
disk
debian quiet ''
check "Debian comes to its login prompt" [ -e /tmp/well ]
wait_for_none
details "a Debian guest"
details_disarm
agreement "a Debian guest"
