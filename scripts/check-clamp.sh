#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-clamp.sh MODULE: proves from the code of kvm_exitstat.ko that the guest's %ecx is clamped against
# speculation before it indexes anything, and prints the instructions that clamp it.
#
# It finds the function with the clamp, and follows the value loaded from kvm_exit_cpuid.ecx along all paths,
# between registers and the stack. It fails if the value, or a value computed from it, is used in an address or
# an indirect jump, or passed to another function, before the clamp.
#
# Limits: values are not followed through memory other than the stack, and computed values are not followed into
# other functions. Called functions only get the clamped value, because a single function handles the guest's.
# If the compiler changes that, there is no value to follow, which fails.
set -u
[ $# = 1 ] || { echo "usage: $0 MODULE" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
llvm=$(sh "$root/scripts/toolchain.sh" | sed -n 's/^LLVM=//p')
end=$(sed -n 's/^pub const END: u32 = \([0-9]*\);$/\1/p' "$root/rust/core/src/reason.rs")

"llvm-objdump$llvm" -d -M intel --no-show-raw-insn --demangle "$1" |
	awk -v "end=$(printf '0x%x' "$end")" -v ecx=0x24 '
BEGIN {
	split("ax bx cx dx", x)
	for (i in x) {
		l = substr(x[i], 1, 1)
		family["r" x[i]] = family["e" x[i]] = family[x[i]] = "r" x[i]
		family[l "l"] = family[l "h"] = "r" x[i]
	}
	split("si di bp sp", x)
	for (i in x)
		family["r" x[i]] = family["e" x[i]] = family[x[i]] = family[x[i] "l"] = "r" x[i]
	for (i = 8; i < 16; i++)
		family["r" i] = family["r" i "d"] = family["r" i "w"] = family["r" i "b"] = "r" i
}

# A state is a set of words: "rax" if %rax depends on the value, "=rax" if it is the value; likewise for stack
# slots.
function has(s, w) { return index(s, " " w " ") > 0 }
function add(s, w) { return has(s, w) ? s : s w " " }
function del(s, w,    i) {
	while (i = index(s, " " w " "))
		s = substr(s, 1, i) substr(s, i + length(w) + 2)
	return s
}
function set(s, w, depends, is) {
	s = del(del(s, w), "=" w)
	if (depends)
		s = add(s, w)
	return is ? add(s, "=" w) : s
}

# Returns the word for an operand: a register or a stack slot.
function word(o) {
	if (o in family)
		return family[o]
	if (o ~ /\[r[bs]p[^*]*\]$/) {
		sub(/^.*\[/, "[", o)
		gsub(/ /, "", o)
		return o
	}
	return ""
}
# Returns whether the state has a register in the address of a memory operand.
function address(s, o,    n, r, i) {
	if (o !~ /\[/)
		return 0
	sub(/^.*\[/, "", o)
	n = split(o, r, /[^a-z0-9]+/)
	for (i = 1; i <= n; i++)
		if ((r[i] in family) && has(s, family[r[i]]))
			return 1
	return 0
}
function bad(i, why) { if (!(i in wrong)) wrong[i] = why }

# Returns the state after instruction i, given the state before it.
function step(i, s,    o, a, b, k, n, c, depends) {
	o = op[i]; a = arg[i, 1]; b = arg[i, 2]; n = args[i]
	if (o ~ /^nop/)
		return s
	for (k = 1; k <= n; k++)
		if (o != "lea" && address(s, arg[i, k]))
			bad(i, "is in an address")
	if (o ~ /^bt/ && a ~ /\[/ && has(s, word(b)))
		bad(i, "is in an address")
	if (o ~ /^(jmp|call)$/ && has(s, word(a)))
		bad(i, "is where to go")
	if (o == "call") {
		if (has(s, "=rdi") || has(s, "=rsi") || has(s, "=rdx"))
			bad(i, "is handed to another function")
		split("rax rcx rdx rsi rdi r8 r9 r10 r11", c)
		for (k in c)
			s = set(s, c[k], 0, 0)
		return s
	}
	if (o ~ /^(j[a-z]+|cmp|test|push|ret|endbr64|ud2|int3|set[a-z]+|bt)$/)
		return s
	if (i in clamps) {
		if (has(s, "=" word(a)))
			reached[i] = 1
		return set(s, word(a), 0, 0)
	}
	if (o ~ /^(xor|sub|sbb)$/ && a == b)
		return set(s, word(a), 0, 0)
	if (o == "lea") {
		if (has(s, word(b)))
			bad(i, "is in memory whose address is taken")
		return set(s, word(a), address(s, b), 0)
	}
	if (o ~ /^mov/) {
		if (b ~ "\\+ " ecx "\\]$" && b !~ /r[bs]p/) {
			loaded = 1
			return set(s, word(a), 1, 1)
		}
		depends = word(b) != "" && has(s, word(b))
		# Writing half a register leaves the other half.
		if (a ~ /^([a-d][lhx]|[sd]il?|r[0-9]+[bw])$/)
			depends = depends || has(s, word(a))
		return word(a) == "" ? s : set(s, word(a), depends, has(s, "=" word(b)))
	}
	for (k = 1; k <= n; k++)
		depends = depends || (word(arg[i, k]) != "" && has(s, word(arg[i, k])))
	return n && word(a) != "" ? set(s, word(a), depends, 0) : s
}

function flow(i, s,    w, k, m, old) {
	if (!(i in op))
		return
	old = (i in before) ? before[i] : " "
	m = split(s, w, " ")
	for (k = 1; k <= m; k++)
		old = add(old, w[k])
	if (!(i in before) || old != before[i]) {
		before[i] = old
		changed = 1
	}
}

function analyse(    i, s, t, where) {
	loaded = 0
	split("", before); split("", wrong); split("", reached)
	before[1] = " "
	do {
		changed = 0
		for (i = 1; i <= count; i++) {
			if (!(i in before))
				continue
			s = step(i, before[i])
			if (op[i] ~ /^j/ && (arg[i, 1] in at))
				flow(at[arg[i, 1]], s)
			if (op[i] !~ /^(jmp|ret|ud2)$/)
				flow(i + 1, s)
		}
	} while (changed)

	print name
	for (i = 1; i <= count; i++)
		if (i in clamps) {
			for (t = i - 2; t <= i; t++)
				print text[t]
			if (!(i in reached)) {
				print "    which does not get the value of the guest"
				failed = 1
			}
		}
	for (i = 1; i <= count; i++)
		if (i in wrong) {
			print text[i] "    # what the guest chose " wrong[i]
			failed = 1
		}
	if (!loaded) {
		print "    which does not load kvm_exit_cpuid.ecx"
		failed = 1
	}
}

function end_function(    i) {
	split("", clamps)
	found = 0
	for (i = 3; i <= count; i++)
		if (op[i] == "and" && op[i - 1] == "sbb" && op[i - 2] == "cmp" &&
		    arg[i - 2, 2] == end && arg[i - 1, 1] == arg[i - 1, 2] &&
		    arg[i, 1] == arg[i - 2, 1] && arg[i, 2] == arg[i - 1, 1])
			found = clamps[i] = 1
	if (found) {
		functions++
		analyse()
	}
	count = 0
	split("", op); split("", at)
}

/^[0-9a-f]+ <.*>:$/ {
	end_function()
	name = $0
	next
}
/^ *[0-9a-f]+:/ {
	line = $0
	i = ++count
	text[i] = line
	address_of = $1
	sub(/:$/, "", address_of)
	at["0x" address_of] = i
	sub(/^ *[0-9a-f]+: */, "", line)
	sub(/ *<.*>$/, "", line)
	gsub(/^[ \t]+|[ \t]+$/, "", line)
	op[i] = line
	sub(/[ \t].*$/, "", op[i])
	sub(/^[^ \t]+[ \t]*/, "", line)
	args[i] = split(line, parts, /, /)
	for (k = 1; k <= 3; k++)
		arg[i, k] = k <= args[i] ? parts[k] : ""
}
END {
	end_function()
	if (!functions) {
		print "no cmp with " end ", sbb, and in a row: nothing is clamped"
		failed = 1
	}
	exit failed
}'
