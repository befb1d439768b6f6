# SPDX-License-Identifier: GPL-2.0
# exitstat: `make help` lists what there is to make.

help:
	@echo 'make demo             set up all that is needed, and show the main job'
	@echo 'make test             set up all that is needed, and prove it'
	@echo 'make test-static      formats, lints, patches (needs the kernel, not the lab)'
	@echo 'make test-unit        cargo test'
	@echo 'make test-fuzz        all parsers, fuzzed for some seconds (scripts/fuzz.sh: for longer)'
	@echo 'make test-lab T=name  the tests in the lab; with T, those whose names have it in them'
	@echo 'make demo-bpf         the command on a host without the module: AMD, Linux 6.1'
	@echo 'make demo-host        the same on a Debian host with packages and libvirt'
	@echo "make deb              build/deb: packages for Debian 13 and its own kernels"
	@echo 'make dist             build/dist: the files of a release'
	@echo "make test-debian13    make test in a Debian 13 root that is made in the cache"
	@echo 'make test-host        the packages, and a Debian host that installs, uses and removes them'
	@echo 'make test-debug       debug kernels, faults, load: up to an hour'
	@echo 'make bench            what exitstat costs, against everything else: four minutes'
	@echo 'make bench-cpu        what recording and reading cost on this processor, and memory'
	@echo 'make report           the study, docs/report.md: records guests of many kinds: twenty minutes'
	@echo 'make module           build/module/src/kvm_exitstat.ko for the cached kernel'
	@echo 'make KDIR=... module  the same for a kernel tree that you patched and built'
	@echo 'make cli              build/cli: the command exitstat, its manual pages and completions'
	@echo 'make artifacts        build all, print name=path lines'
	@echo 'make deps             install what is missing (make preflight: only say what)'
	@echo 'make clean            remove what was built here; the cache stays (see README.md)'

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

# The same in a Debian 13 root: its compilers, its emulator.
test-debian13:
	@scripts/debian13.sh make test

test-host: deps
	@scripts/test.sh packages host

test: deps
	@scripts/test.sh static unit fuzz lab

# What would not be over in an hour, the building of kernels included, is left out and named: another
# run finds them built. With EXITSTAT_MINUTES=600, all runs at once.
test-debug: deps
	@EXITSTAT_MINUTES=$${EXITSTAT_MINUTES:-60} scripts/test.sh debug

# All, as far as they fit. Scenarios may take longer than they say: there are some minutes to spare.
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

# The study. With R, only those runs of L1: make report R=small.
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
