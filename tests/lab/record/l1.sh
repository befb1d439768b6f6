# Records a guest from boot to shutdown, for `lab record`.
modprobe kvm_intel
exitstat record ${CAPTURE:+--capture $CAPTURE} -i 200ms -o /tmp/boot -- sh -c '. /lab/lib.sh; l2 -n 2 -s work.sh' || exit
od -An -v -tx1 /tmp/boot | report recording
