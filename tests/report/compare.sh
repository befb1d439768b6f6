#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# compare.sh [-p MARK] [-r REASON] RECORDING...: prints the exits of recordings in docs/report, of the phase
# MARK or one reason only, and their differences from the first recording.
option= reason=total
while getopts p:r: o; do
	case $o in
	p) option=$OPTARG ;;
	r) reason=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
for name; do
	exitstat report "docs/report/$name.rec" --format csv ${option:+--phase "$option"} |
		awk -F, -v name="$name" -v reason="$reason" '
		NR > 1 && $8 == reason { exits = $9; cycles = $12; user = $21; waited = $22 }
		NR > 1 { seconds = $2 }
		END { printf "%s %d %d %d %d %f\n", name, exits, cycles, user, waited, seconds }' || exit
done | awk '
	NR == 1 {
		format = "%-22s %8s %9s %10s %9s %10s %12s\n"
		printf format, "recording", "exits", "change", "by user", "seconds", "Mcycles", "user Mcycles"
	}
	NR == 1 { first = $2 }
	{
		change = NR > 1 && first > 0 ? sprintf("%+.1f %%", ($2 - first) / first * 100) : ""
		printf format, $1, $2, change, $4, sprintf("%.2f", $6), sprintf("%.2f", $3 / 1e6),
			sprintf("%.2f", $5 / 1e6)
	}'
