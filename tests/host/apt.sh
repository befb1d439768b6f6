# SPDX-License-Identifier: GPL-2.0
# Functions for scripts that install packages with apt in a Debian 13 root.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# apt's output is in $work/apt, and printed if apt fails.
apt_get() {
	apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 --no-install-recommends "$@" >"$work/apt" 2>&1 || {
		cat "$work/apt"
		exit 1
	}
}
# Purges exitstat's packages, of which an interrupted run may have left some.
purge_all() {
	dpkg --purge $(dpkg-query --show --showformat '${Package} ' 'exitstat*' 2>/dev/null)
}
# uses KERNEL updates|kernel WHEN: checks that modprobe finds kvm and kvm-intel in that directory, and that all
# files exist.
uses() {
	modprobe --set-version "$1" --show-depends --ignore-install kvm_intel >"$work/found" 2>&1 || :
	in=$(awk -F / '$4 == kernel && $NF ~ /^kvm(-intel)?\.ko/ { print $5 }' kernel="$1" "$work/found" | sort |
		uniq -c | xargs)
	if [ "$in" != "2 $2" ] || ! sed -n 's/^insmod \([^ ]*\).*/\1/p' "$work/found" | xargs ls >/dev/null; then
		echo "$1: not the KVM in $2/:"
		cat "$work/found"
		ls -R "/lib/modules/$1/updates" 2>&1 || :
		exit 1
	fi
	echo "$3: $1 has the KVM in $2/"
}
