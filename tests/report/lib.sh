# SPDX-License-Identifier: GPL-2.0
# Functions for the study's L1 scripts, in addition to tests/lab/l1-lib.sh.
MARKS=/tmp/marks
cr=$(printf '\r')

# recorded NAME INTERVAL COMMAND...: records while COMMAND, a function in this file, runs, and sends the
# recording to the lab. $recorded_what has more arguments.
recorded() {
	recorded_name=$1 recorded_interval=$2
	shift 2
	rm -f /tmp/well
	exitstat record $recorded_what -i "$recorded_interval" --marks $MARKS -o "/tmp/$recorded_name.rec" -- \
		sh -c '. /lab/study.sh; "$@"' sh "$@" || return
	if ! [ -e /tmp/well ]; then
		echo "study: $recorded_name did not come to its end; its console was:"
		tail -n 40 /tmp/console
		return 1
	fi
	od -An -v -tx1 "/tmp/$recorded_name.rec" | report "recording $recorded_name"
	echo "study: $recorded_name: $(exitstat report --format csv "/tmp/$recorded_name.rec" |
		awk -F, '$8 == "total" { print $9 " exits, " $2 " s" }')"
	rm "/tmp/$recorded_name.rec"
}

# kvm [PARAMETER...]: loads KVM with these parameters of kvm_intel; `kvm.NAME=VALUE` are for kvm.
kvm() {
	unload_all
	kvm_own= kvm_intel=
	for kvm_parameter; do
		case $kvm_parameter in
		kvm.*) kvm_own="$kvm_own ${kvm_parameter#kvm.}" ;;
		*) kvm_intel="$kvm_intel $kvm_parameter" ;;
		esac
	done
	modprobe kvm $kvm_own && modprobe kvm_intel $kvm_intel
}

# Follows the console of a small guest. A line `@mark NAME` sets a mark in the recording. The firmware's output
# may precede the first one.
follow() {
	while read -r line; do
		line=${line%"$cr"}
		printf '%s\n' "$line" >>/tmp/console
		case $line in
		*'@mark '*) echo "${line##*@mark }" >$MARKS ;;
		'@l2 exit 0') : >/tmp/well ;;
		esac
	done
}

# small SCRIPT APPEND QEMU ARGUMENT...: runs SCRIPT in a guest with the lab's kernel and busybox. Kills the
# guest after two minutes.
small() {
	small_append="reboot=t panic=-1 l2.script=$1 $2"
	shift 2
	: >/tmp/console
	timeout 120 qemu-system-x86_64 -accel kvm -m 256 -nodefaults -no-user-config -nographic -no-reboot \
		-kernel /lab/l2.kernel -initrd /lab/l2.initrd -append "$small_append" "$@" </dev/null |
		follow
}

# Options of most small guests: the machine, its console, and the kernel's verbosity.
microvm='-M microvm,isa-serial=on'
q35='-M q35 -cpu host'
serial='-serial stdio'
quiet='console=ttyS0 quiet loglevel=3'

# one NAME SCRIPT APPEND QEMU ARGUMENT...: records a small guest, usually with two snapshots and those of marks,
# or with more if $interval is set, which is then reset. A failure sets $status to 1, and the next ones still
# run.
status=0
one() {
	one_name=$1
	shift
	recorded $one_name ${interval:-1m} small "$@" || status=1
	interval=
}

# Waits for a text on the console of the Debian guest.
said() {
	until grep -q "$1" /tmp/console; do
		kill -0 $qemu || return
		sleep 0.2
	done
}

# mark NAME: begins a phase.
mark() {
	echo "$1" >$MARKS
	echo "study: at $(cut -d ' ' -f 1 /proc/uptime) s: $1"
}

# said_mark MARK TEXT: waits for a text, then sets a mark.
said_mark() {
	said "$2" && mark "$1"
}

# run MARK COMMAND: runs a command in the Debian guest's shell, after setting a mark.
run() {
	ran=$((ran + 1))
	mark "$1"
	sleep 0.1
	# The echoed command line has quotes in it, so it does not match the awaited text.
	echo "$2; echo e''nd-$ran" >&4
	said "end-$ran"
}

# debian APPEND PHASES: boots Debian on a full q35 machine with virtio, from power-on to the login prompt. With
# PHASES (a function), then logs in to a shell and runs that.
debian() {
	ran=0
	: >/tmp/console
	rm -f /tmp/keys
	mkfifo /tmp/keys
	exec 4<>/tmp/keys
	qemu-system-x86_64 -M q35,accel=kvm -cpu host -m 512 -nodefaults -no-user-config -nographic \
		-no-reboot -serial stdio -kernel /lab/debian/kernel -initrd /lab/debian/initrd \
		-append "root=/dev/vda ro console=ttyS0 $1" \
		-drive file=/tmp/disk,format=raw,if=virtio -device virtio-rng-pci \
		-netdev user,id=net -device virtio-net-pci,netdev=net,romfile= \
		</tmp/keys >/tmp/console 2>&1 &
	qemu=$!
	case $1 in
	*quiet*) ;;
	*)
		said_mark kernel 'Linux version'
		said_mark initramfs 'Run /init'
		said_mark systemd 'systemd.*running in system mode'
		;;
	esac
	said_mark 'login prompt' 'guest login: ' || return
	[ -z "$2" ] || $2
	: >/tmp/well
	kill $qemu 2>/dev/null
	wait $qemu
	true
}

# Creates the guest's disk in its initial state.
disk() {
	zstd -q -f -d /lab/debian/disk.zst -o /tmp/disk
}

# The phases for question 2. All commands are from Debian's base system.
phases() {
	sleep 10
	mark 'log in'
	echo root >&4
	said 'root@guest:' || return
	run idle 'sleep 20'
	run cpu 'head -c 50M /dev/zero | md5sum'
	run memory 'head -c 100M /dev/zero >/dev/shm/x; rm /dev/shm/x'
	run fork 'for i in $(seq 100); do /bin/true; done'
	run 'disk write' 'dd if=/dev/zero of=/x bs=4k count=2000 oflag=direct'
	run 'disk read' 'dd if=/x of=/dev/null bs=4k iflag=direct'
	run 'network up' 'n=$(ls /sys/class/net | grep -v lo); ip addr add 10.0.2.15/24 dev $n; ip link set $n up; sleep 1'
	run network 'ping -q -i 0.01 -c 300 10.0.2.2'
	run serial 'seq 2000'
	mark shutdown
	echo 'systemctl poweroff' >&4
	wait $qemu
}
