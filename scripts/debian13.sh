#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# debian13.sh [-r NAME [-n]] COMMAND...: runs a command, such as `make test`, in a fresh copy of this tree in a
# Debian 13 root, with its compilers, Bochs and QEMU. mmdebstrap creates the root once. It stays in the cache as
# NAME (default: debian13) with everything that the command installs and builds: 15 GB for all tests. Remove it
# to start over. With -n it is recreated if the last command failed. Needs root for mounts: uses sudo otherwise.
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
# One command at a time per root, because each starts with a fresh copy of the tree.
mkdir -p "${root%/*}"
exec 9>"$root.lock"
flock 9

# An interrupted command may have left packages half installed.
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

# The machine's name server and certificate authorities. Earlier build results stay.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
mkdir -p "$root/root/exitstat"
find "$root/root/exitstat" -mindepth 1 -maxdepth 1 ! -name target ! -name build -exec rm -rf {} +
scripts/files.sh | tar --create --null --files-from=- | tar --extract --directory "$root/root/exitstat"

# The mounts are in a private namespace and end with it. The root is a mount too: a command in it may run this
# script, and unshare expects a mount at `/`.
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
