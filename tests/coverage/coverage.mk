# SPDX-License-Identifier: GPL-2.0-or-later
# `make coverage`: unit, guest and system tests on instrumented builds, then the table of lines that ran.
#   SYSTEM_TESTS      patterns of system tests in place of tests/system/enabled
# The demo's images are taken as they are; they are made only if there are none.
# Clang counts; a hypervisor's counters are read from the machine's memory (bin/, profile). Static functions are
# told apart by their file's whole path, since names like dump.c occur often.
COVERAGE_BUILD := $(BUILD)/coverage
COVERAGE_MAKE = $(MAKE) --no-print-directory CC=clang GUEST_CC=gcc BUILD=$(COVERAGE_BUILD) UNIT_SANITIZE= \
    INSTRUMENT_LINK=-fprofile-instr-generate \
    INSTRUMENT='-fprofile-instr-generate -fcoverage-mapping -Xclang -main-file-name -Xclang $$<'

coverage:
	@tools/install-deps test coverage
	@mkdir -p $(COVERAGE_BUILD) && ln -sfn ../demo $(COVERAGE_BUILD)/demo
	@[ -e $(BUILD)/demo/dom0/initrd.stamp ] || $(MAKE) --no-print-directory demo-images
	+@$(COVERAGE_MAKE) coverage-run

# In the build that COVERAGE_MAKE describes; its variables reach tests/run's own calls of make by MAKEFLAGS.
coverage-run: $(BUILD)/zendo
	+@BUILD=$(BUILD) MAKE='$(MAKE)' tests/coverage/run $(SYSTEM_TESTS)

.PHONY: coverage coverage-run
