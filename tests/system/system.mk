# SPDX-License-Identifier: GPL-2.0-or-later
# The tests of the whole: `make test` runs every suite, `make system` those that boot machines.
# HYPERVISOR=stock tries the system tests on Debian's own Xen; SLOW=1 adds the long ones.

.PHONY: test system

test:
	@tools/install-deps test
	@$(MAKE) --no-print-directory -j$$(nproc) $(BUILD)/zendo
	@$(MAKE) --no-print-directory demo-images
	@BUILD=$(BUILD) MAKE=$(MAKE) tests/run

# SYSTEM_TESTS: patterns of tests, in place of those in tests/system/enabled.
system: demo-images $(if $(HYPERVISOR),,$(BUILD)/zendo)
	@BUILD=$(BUILD) tests/system/run $(SYSTEM_TESTS)
