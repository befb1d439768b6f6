#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# debian13.sh [-r NAME [-n]] COMMAND...: runs a command, say `make test`, in a fresh copy of this tree in a Debian 13
# root: its compilers, its Bochs, its QEMU. The root is made once, by mmdebstrap, and kept in the cache as NAME
# (debian13 if not given), with all that the command installs and builds in it: 15 GB for all tests. Remove it
# to begin anew; with -n it is begun anew by itself if the last command did not end well. As root, as it mounts: it
# asks sudo if it must.
set -eu
cd "$(dirname "$0")/.."
name=debian13 new=
if [ "${1:-}" = -r ] && [ $# -gt 1 ]; then
	name=$2
	shift 2
	if [ "${1:-}" = -n ]; then
		new=-n
		shift
	fi
fi
fail() {
	echo "debian13: $1" >&2
	exit 1
}
[ $# -gt 0 ] || fail "usage: $0 [-r NAME [-n]] COMMAND..., such as: $0 make test"
if [ "$(id -u)" != 0 ]; then
	exec sudo --preserve-env=EXITSTAT_CACHE,XDG_CACHE_HOME,HOME scripts/debian13.sh -r "$name" $new "$@"
fi

root=${EXITSTAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/exitstat}/$name
# One command at a time in a root: each begins with a fresh copy of the tree.
mkdir -p "${root%/*}"
exec 9>"$root.lock"
flock 9

# A command that ended half way may have left packages half installed.
if [ -n "$new" ]; then
	[ ! -e "$root.unfinished" ] || rm -rf --one-file-system "$root"
	touch "$root.unfinished"
fi
if [ ! -e "$root/etc/debian_version" ]; then
	command -v mmdebstrap >/dev/null || apt-get install -y -q --no-install-recommends mmdebstrap >&2
	mirror=$(apt-get indextargets --format '$(COMPONENT) $(REPO_URI)' 'Origin: Debian' \
		'Created-By: Packages' | sed -n 's/^main //p' | grep -v security | head -n 1)
	[ -n "$mirror" ] || fail "this machine's apt has no mirror of Debian"
	echo "==> making a Debian 13 root (1 minute)" >&2
	rm -rf "$root.partial"
	mmdebstrap --quiet --variant=minbase --skip=output/dev --include=ca-certificates,make \
		--skip=cleanup/apt/lists trixie "$root.partial" \
		"deb $mirror trixie main" "deb $mirror trixie-backports main"
	mv "$root.partial" "$root"
fi

# The machine's name server and the authorities that it trusts. What was built before stays.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
mkdir -p "$root/root/exitstat"
find "$root/root/exitstat" -mindepth 1 -maxdepth 1 ! -name target ! -name build -exec rm -rf {} +
scripts/files.sh | tar --create --null --files-from=- | tar --extract --directory "$root/root/exitstat"

# The mounts are of this namespace, and go with it. The root is one of them: a command in it may run this script
# too, and unshare wants a mount to be at `/`.
unshare --mount sh -euc '
	root=$1
	shift
	mount --bind "$root" "$root"
	mount --rbind /dev "$root/dev"
	mount --rbind /sys "$root/sys"
	mount -t proc proc "$root/proc"
	mount -t tmpfs tmpfs "$root/dev/shm"
	exec chroot "$root" env -u EXITSTAT_CACHE -u XDG_CACHE_HOME HOME=/root USER=root SHELL=/bin/sh \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c "cd /root/exitstat && exec \"\$@\"" sh "$@"
' sh "$root" "$@"
[ -z "$new" ] || rm "$root.unfinished"
