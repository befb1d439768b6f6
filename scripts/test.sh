#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# test.sh PART...: runs parts of the tests: static, unit, fuzz, lab, packages, host, debug. Prints a line per
# test, and then how many passed and failed. With EXITSTAT_MINUTES set, `packages`, `host` and `debug` skip and
# list tests that would not end within that time from the start of this script. `long` is these three parts, in
# an order that rotates with each run.
set -u
begin=$(date +%s)
cd "$(dirname "$0")/.." || exit 1
tools=$(sh scripts/toolchain.sh)
value() {
	echo "$tools" | sed -n "s/^$1=//p"
}
cargo=$(value CARGO)
rustc=$(value RUSTC)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0

# test_that NAME COMMAND...
test_that() {
	test_name=$1
	shift
	"$@" >"$log" 2>&1
	test_status=$?
	if [ $test_status = 0 ]; then
		echo "ok     $test_name"
		passed=$((passed + 1))
	else
		echo "FAILED $test_name:"
		sed 's/^/    /' "$log"
		failed=$((failed + 1))
	fi
}

# Adds the counts that a command printed to the script's own.
add_counts() {
	counts=$(sed -n "$1" "$log" | awk '{ p += $1; f += $2 } END { print p + 0, f + 0 }')
	passed=$((passed + ${counts% *}))
	failed=$((failed + ${counts#* }))
}

# Prints the remaining minutes of EXITSTAT_MINUTES.
minutes_left() {
	left=$((EXITSTAT_MINUTES - ($(date +%s) - begin) / 60))
	[ $left -ge 0 ] || left=0
	echo $left
}

# Prints the last test command's output, if it passed.
show_log() {
	[ "$test_status" != 0 ] || sed 's/^/    /' "$log"
}

# Status 1 is the answer no; 2 is an error.
differs() {
	scripts/stock/same-code.sh "$1" "$2"
	[ $? = 1 ]
}

# package_kernels: prints the kernels that have packages, each with the version of its own package.
package_kernels() {
	for package in build/deb/exitstat-modules-*_*.deb; do
		dpkg-deb --field "$package" Depends | sed -n 's/.*linux-modules-\([^ ]*\) (= \([^)]*\)).*/\1 \2/p'
	done
}

# with_packages SCRIPT ARGUMENT...: runs a script of tests/host with the packages, in a separate Debian 13 root.
# A script leaves the root as it was; if it fails, the root is recreated for the next one.
with_packages() {
	tar --create --directory build/deb . | scripts/debian13.sh -r debian13-dkms -n sh -euc '
		rm -rf /srv/packages
		mkdir -p /srv/packages
		tar --extract --directory /srv/packages
		script=$1
		shift
		"tests/host/$script" /srv/packages "$@"' sh "$@"
}

# same_symbols DIRECTORY: checks that the built symbols of Rust and of the helpers are those that the kernel
# exports.
same_symbols() {
	grep '^_R\|^rust_helper_' "$1/rust.made" | cmp - "$1/rust.exported" && wc -l <"$1/rust.exported"
}

module_is_formatted() {
	"${rustc%rustc}rustfmt" --check --edition 2021 src/*.rs
}

scripts_parse() {
	for script in scripts/*.sh scripts/*/*.sh scripts/host/* scripts/lab tests/lab/l1-* tests/lab/l2-* \
		tests/*/*.sh tests/*/*/*.sh; do
		sh -n "$script" || return 1
	done
}

# The patches apply exactly to Debian's Linux source and give the tree that was built.
patches_apply() (
	set -e
	tree=$(mktemp -d)
	trap 'rm -rf "$tree"' EXIT
	{
		sed -n 's,^--- a/,,p' patches/*.patch
		echo Makefile
	} | sort -u | while read -r file; do
		[ -e "$unpatched_kdir/$file" ] || continue
		mkdir -p "$tree/$(dirname "$file")"
		cp "$unpatched_kdir/$file" "$tree/$file"
	done
	scripts/apply-patches.sh "$tree" >"$tree.log" 2>&1 || { cat "$tree.log"; exit 1; }
	! grep -i fuzz "$tree.log"
	rm "$tree.log"
	sed -n 's,^+++ b/,,p' patches/*.patch | sort -u | while read -r file; do
		cmp "$tree/$file" "$kdir/$file"
	done
)

# rows_are_in FILE LEAST <ROWS: a table of rust/core has each row, ignoring spaces, and there are more than
# LEAST.
rows_are_in() {
	tr -d ' \n' <"$1" >"$log.table"
	rows=0 wrong=0
	while read -r row; do
		rows=$((rows + 1))
		grep -qF "$row" "$log.table" || {
			echo "not in $1: $row"
			wrong=1
		}
	done
	rm -f "$log.table"
	echo "$rows rows"
	[ $rows -gt "$2" ] && [ $wrong = 0 ]
}

# Compares the table with the kernel's own list in asm/vmx.h, an independent source.
reasons_are_the_kernels() {
	awk '$2 ~ /^EXIT_REASON_/ && $3 ~ /^[0-9]+$/ { printf "reason(%d,\"%s\",\n", $3, substr($2, 13) }' \
		"$unpatched_kdir/arch/x86/include/uapi/asm/vmx.h" | rows_are_in rust/core/src/reason.rs 60
}

# The same for SVM's exit codes in asm/svm.h. Where the names differ, the table has the APM's. Entries that only
# Linux has are skipped: the first and the last exception, the code for software, and the error.
svm_exit_codes_are_the_kernels() {
	sed -nE 's/^#define SVM_EXIT_([A-Z0-9_]+)[[:space:]]+0x([0-9a-f]+)$/\1 \2/p' \
		"$unpatched_kdir/arch/x86/include/uapi/asm/svm.h" |
		grep -v '^EXCP_BASE \|^LAST_EXCP ' |
		sed -E 's/^(READ|WRITE)_([CD]R[0-9]+) /\2_\1 /
			s/^MWAIT_COND /MWAIT_CONDITIONAL /
			s/^AVIC_UNACCELERATED_ACCESS /AVIC_NOACCEL /
			s/^BUS_LOCK /BUSLOCK /' |
		while read -r name code; do
			if echo "$name" | grep -qE '^[CD]R[0-9]+_(READ|WRITE|WRITE_TRAP)$'; then
				register=${name%%_*}
				number=${register#?R}
				printf 'numbered(0x%02x,16,"%s","_%s")\n' $((0x$code - number)) \
					"${register%"$number"}" "${name#*_}"
			else
				printf '(0x%02x,"%s")\n' $((0x$code)) "$name"
			fi
		done | rows_are_in rust/core/src/svm.rs 90
}

module_has_our_version() {
	our_version=$(sed -n 's/^version = //p' Cargo.toml)
	grep -x "#define EXITSTAT_VERSION $our_version" src/exitstat_glue.h
}

# Functions of KVM that `exitstat explain` mentions exist.
explain_names_functions_of_kvm() {
	grep -ho '"[a-z_/0-9]*\.[ch]: [a-z_0-9]*"' rust/cli/src/commands/explain/vmx.rs \
		rust/cli/src/commands/explain/svm.rs |
		tr -d '":' | sort -u >"$log.named"
	wrong=0
	[ "$(wc -l <"$log.named")" -gt 60 ] || wrong=1
	while read -r file function; do
		grep -q "\\<$function(" "$unpatched_kdir/arch/x86/kvm/$file" || {
			echo "not in arch/x86/kvm/$file: $function"
			wrong=1
		}
	done <"$log.named"
	rm -f "$log.named"
	return $wrong
}

checkpatch() {
	# From standard input, because checkpatch takes a file in git for source, not for a patch. Its SPDX check needs
	# a git tree, reports that there is none, and is skipped.
	"$unpatched_kdir/scripts/checkpatch.pl" --root "$unpatched_kdir" --strict - <"$1"
}

# long_parts: prints the order of `long`.
long_parts() {
	cache=$(value EXITSTAT_CACHE)
	mkdir -p "$cache"
	first=$(cat "$cache/first-part" 2>/dev/null) || first=$(($(date +%s) / 86400 % 2))
	case $first in
	packages | 0) set -- debug packages host ;;
	*) set -- packages host debug ;;
	esac
	echo "$1" >"$cache/first-part"
	echo "$@"
}
case " $* " in
*" long "*) set -- $(echo "$*" | sed "s/long/$(long_parts)/") ;;
esac

for part in "$@"; do
	part_begin=$(date +%s)
	case $part in
	static)
		artifacts=$(scripts/lab artifacts) || exit 1
		eval "$artifacts"
		test_that "workspace is formatted" "$cargo" fmt --check
		test_that "module is formatted" module_is_formatted
		test_that "scripts parse" scripts_parse
		test_that "no files of a crate import each other in a circle" python3 scripts/circles.py . rust/*
		test_that "clippy is content with the workspace" \
			"$cargo" clippy --quiet --workspace --all-targets -- -D warnings
		test_that "clippy is content with the module" scripts/lab module --clippy
		# Print progress, because building it takes minutes. If that fails, the test fails too.
		scripts/lab kernel --flavour rt
		test_that "KVM and the module are compiled with PREEMPT_RT without warnings" \
			scripts/lab module --flavour rt
		test_that "what a guest chooses is clamped before it is an index" \
			scripts/check-clamp.sh "$module"
		show_log
		test_that "memory per CPU, vCPU and VM has not grown" scripts/memory.sh
		show_log
		test_that "patches apply to the pristine source without fuzz" patches_apply
		test_that "exit reasons have the kernel's numbers and names" reasons_are_the_kernels
		test_that "SVM's exit codes have the kernel's numbers" svm_exit_codes_are_the_kernels
		test_that "the module has the version of the workspace" module_has_our_version
		test_that "explain names functions that KVM has" explain_names_functions_of_kvm
		for patch in patches/*.patch; do
			test_that "checkpatch --strict is content with ${patch##*/}" checkpatch "$patch"
		done
		;;
	unit)
		"$cargo" test --quiet --workspace --no-fail-fast >"$log" 2>&1
		status=$?
		cat "$log"
		add_counts 's/^test result: .*\. \([0-9]*\) passed; \([0-9]*\) failed.*/\1 \2/p'
		# A failed build prints no counts.
		[ $status = 0 ] || grep -q '^test result: FAILED' "$log" || failed=$((failed + 1))
		;;
	fuzz)
		{ scripts/fuzz.sh || echo "fuzz: exit status $?"; } | tee "$log"
		grep -q '^[0-9]* passed, [0-9]* failed$' "$log" || failed=$((failed + 1))
		add_counts 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p'
		;;
	packages)
		if [ -n "${EXITSTAT_MINUTES:-}" ] && [ "$(minutes_left)" -lt 15 ]; then
			echo "--- packages: left out: it takes 15 minutes"
			continue
		fi
		# Print progress, because building it takes minutes. If that fails, the test fails too.
		scripts/build-debs.sh build/deb >"$log"
		test_that "packages are built, twice the same, without errors for lintian" scripts/build-debs.sh build/deb
		show_log
		for directory in $(scripts/stock.sh --list); do
			kernel=${directory##*/}
			for module in kvm kvm-intel kvm-amd; do
				packaged=$directory/packaged/usr/lib/modules/$kernel/kernel/arch/x86/kvm/$module.ko.xz
				test_that "$kernel: $module without the shim is Debian's, byte for byte" \
					scripts/stock/same-code.sh "$packaged" "$directory/control/$module.ko"
			done
			test_that "$kernel: kvm-amd with the shim is not" differs "$packaged" "$directory/kvm-amd.ko"
			test_that "$kernel: the symbols of Rust are those that it exports" same_symbols "$directory"
			show_log
		done
		set -- $(package_kernels | grep -v cloud) $(package_kernels | grep cloud | tail -n 1)
		test_that "DKMS builds the same, and refuses another compiler" with_packages dkms.sh "$1" "$2"
		show_log
		test_that "each kernel has the right KVM after upgrades and removals" with_packages upgrade.sh "$@"
		show_log
		;;
	lab | host | debug)
		set -- --suite $part
		if [ $part = lab ]; then
			set -- --suite default
		elif [ -n "${EXITSTAT_MINUTES:-}" ]; then
			set -- "$@" --within "$(minutes_left)"
		fi
		{ scripts/lab test "$@" || echo "lab: exit status $?"; } | tee "$log"
		grep -q '^[0-9]* passed, [0-9]* failed$' "$log" || failed=$((failed + 1))
		add_counts 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p'
		;;
	*)
		echo "$0: parts are static, unit, fuzz, lab, packages, host, debug" >&2
		exit 2
		;;
	esac
	echo "--- $part: $(($(date +%s) - part_begin)) s"
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
