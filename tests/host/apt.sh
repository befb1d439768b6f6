# SPDX-License-Identifier: GPL-2.0
# What scripts share that have apt install packages in a Debian 13 root.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What apt says is in $work/apt, and shown if it fails.
apt_get() {
	apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 --no-install-recommends "$@" >"$work/apt" 2>&1 || {
		cat "$work/apt"
		exit 1
	}
}
# exitstat's packages go: an interrupted run may have left some.
purge_all() {
	dpkg --purge $(dpkg-query --show --showformat '${Package} ' 'exitstat*' 2>/dev/null)
}
