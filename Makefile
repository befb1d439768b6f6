# SPDX-License-Identifier: GPL-2.0
# exitstat: `make help` lists the targets.

help:
	@echo 'make demo             set everything up, and show a guest that reads its exits'
	@echo 'make demo-bpf         show the command on a host without the module: AMD, Linux 6.1'
	@echo 'make demo-host        show a Debian host with packages and libvirt'
	@echo 'make test             set everything up, and run the tests'
	@echo 'make test-static      check formats, lints and patches (needs the kernel, not the lab)'
	@echo 'make test-unit        run cargo test'
	@echo 'make test-fuzz        fuzz all parsers for some seconds (scripts/fuzz.sh: longer)'
	@echo 'make test-lab T=NAME  run the tests in the lab; T selects those with NAME in their names'
	@echo 'make test-host        test the packages on a Debian host: install, use, remove'
	@echo 'make test-debug       test debug kernels, faults and load: up to an hour'
	@echo 'make test-debian13    run make test in a Debian 13 root, created in the cache'
	@echo 'make bench            measure the cost of exitstat and of alternatives: a quarter of an hour'
	@echo 'make bench-cpu        measure recording, reading and memory on this processor'
	@echo 'make report           record many kinds of guests for docs/report.md: twenty minutes'
	@echo 'make deb              build packages for Debian 13 and its kernels: build/deb'
	@echo 'make dist             build the files of a release: build/dist'
	@echo 'make module           build build/module/src/kvm_exitstat.ko for the cached kernel'
	@echo 'make KDIR=... module  the same for a kernel tree that you patched and built'
	@echo 'make cli              build the command, its manual pages and completions: build/cli'
	@echo 'make artifacts        build everything, and print name=path lines'
	@echo 'make deps             install missing packages (make preflight: only list them)'
	@echo 'make clean            remove build results; the cache remains (see README.md)'

demo: deps
	@scripts/lab demo

demo-bpf: deps
	@scripts/lab demo --bpf

demo-host: deps
	@scripts/lab demo --host

deb: deps
	@scripts/build-debs.sh build/deb

dist: deps
	@scripts/dist.sh build/dist

# `make test` in a Debian 13 root, with its compilers and emulator.
test-debian13:
	@scripts/debian13.sh make test

test-host: deps
	@scripts/test.sh packages host

test: deps
	@scripts/test.sh static unit fuzz lab

# Skips and names scenarios that would not end within an hour, including kernel builds. The next run finds these
# kernels built. EXITSTAT_MINUTES=600 runs all at once.
test-debug: deps
	@EXITSTAT_MINUTES=$${EXITSTAT_MINUTES:-60} scripts/test.sh debug

# Everything that fits into 70 minutes. That leaves some minutes for scenarios that take longer than estimated.
test-ci: deps
	@EXITSTAT_MINUTES=70 scripts/test.sh static unit fuzz lab long

test-static test-unit test-fuzz:
	@scripts/test.sh $(@:test-%=%)

test-lab:
	@scripts/lab test $(T)

bench:
	@scripts/preflight.sh --install bench
	@scripts/bench-cpu.sh
	@scripts/lab bench

bench-cpu: deps
	@scripts/bench-cpu.sh

# The study. R selects runs of L1: make report R=small.
report:
	@scripts/preflight.sh --install report
	@scripts/lab report $(R)

deps:
	@scripts/preflight.sh --install

preflight:
	@scripts/preflight.sh

ifdef KDIR
module:
	@scripts/build-module.sh $(KDIR) build/module
else
module:
	@scripts/lab module
endif

kernel:
	@scripts/lab kernel

cli:
	@scripts/build-cli.sh build/cli

artifacts:
	@scripts/lab artifacts

clean:
	rm -rf build target

.PHONY: help demo demo-bpf demo-host deb dist test test-debian13 test-host test-static test-unit test-fuzz test-lab \
	test-debug test-ci bench bench-cpu report deps preflight module kernel cli artifacts clean
