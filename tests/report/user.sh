#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# user.sh RECORDING [OPTION...]: prints by reason the exits that userspace finished and their wall time there,
# beside the time in the kernel. Options are those of `exitstat report`.
file=docs/report/$1.rec
shift
exitstat report "$file" --format csv --sort user "$@" | awk -F, '
	BEGIN { printf "%-20s %9s %9s %14s %14s %16s\n", "reason", "exits", "by user", "kernel Mcycles",
		"user Mcycles", "cycles/exit, user" }
	NR > 1 && $21 > 0 { printf "%-20s %9d %9d %14.1f %14.1f %16d\n", $8, $9, $21, $12 / 1e6,
		$22 / 1e6, $22 / $21 }'
