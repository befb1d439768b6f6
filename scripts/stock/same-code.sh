#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# same-code.sh PACKAGED BUILT: checks whether two builds of a module are the same code: all sections have the
# same bytes and relocations, except those that name the build directory (.rodata has the paths of sources), the
# builder, or types. PACKAGED may be compressed by xz. Prints the sections that differ.
set -eu
[ $# = 2 ] && [ -r "$1" ] && [ -r "$2" ] || {
	echo "usage: $0 PACKAGED BUILT" >&2
	exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# dump FILE DIRECTORY: writes each section to a file.
dump() {
	mkdir "$2"
	set -- "$1" "$2" $(LC_ALL=C readelf --section-headers --wide "$1" |
		sed -n 's/^ *\[ *[0-9]*\] \([^ ]*\) *\(PROGBITS\|INIT_ARRAY\) .*/\1/p' |
		grep -vE '^\.(rodata|modinfo|comment|BTF.*|note\..*|debug_.*|gnu_debuglink)$' | sort -u)
	file=$1 to=$2
	shift 2
	for section; do
		set -- "$@" --dump-section "$section=$to/$section"
		shift
	done
	objcopy "$@" "$file" /dev/null
	# Before relocation, calls and pointers are zeros. Offsets into .rodata depend on its paths.
	LC_ALL=C readelf --relocs --wide "$file" | awk '
		/^Relocation section/ { section = substr($3, 2, length($3) - 2); next }
		section ~ /^\.rela\.(rodata|debug_.*|BTF.*)$/ { next }
		$3 ~ /^R_X86_64_/ { print section, $1, $3, $5, $6, $5 == ".rodata" ? "" : $7 }' >"$to/relocations"
	[ -s "$to/relocations" ] || {
		echo "same-code: $file has no relocations" >&2
		exit 2
	}
}
case $1 in
*.xz) xz --decompress --stdout "$1" >"$work/packaged.ko" ;;
*) cp "$1" "$work/packaged.ko" ;;
esac
dump "$work/packaged.ko" "$work/packaged"
dump "$2" "$work/built"
[ -s "$work/packaged/.text" ] || {
	echo "same-code: $1 has no code" >&2
	exit 2
}
diff -rq "$work/packaged" "$work/built" | sed -n "s/^Files .*\/\([^ ]*\) differ$/    \1 differs/p
	s/^Only in .*: \(.*\)$/    \1 is in one only/p" >"$work/differ"
[ ! -s "$work/differ" ] || {
	echo "${2##*/} is not the code that is packaged:" >&2
	cat "$work/differ" >&2
	exit 1
}
