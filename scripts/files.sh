#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# files.sh: prints this tree's source files, each followed by a NUL: those that git tracks, or all in a tree
# without git.
cd "$(dirname "$0")/.." || exit 1
if git ls-files >/dev/null 2>&1 && [ -n "$(git ls-files Makefile)" ]; then
	git ls-files -z
else
	find . '(' -path ./target -o -path ./build -o -path ./.git ')' -prune -o -type f -print0
fi
