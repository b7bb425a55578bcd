# SPDX-License-Identifier: GPL-2.0-or-later
# The demo: a dom0 and a guest made of Debian's packages, booted in QEMU.

.PHONY: run iso demo-images

# What a fresh machine lacks must be there before make looks at anything else of ours,
# hence the calls of make in sequence.
run:
	@tools/install-deps build demo
	@$(MAKE) --no-print-directory $(BUILD)/zendo
	@$(MAKE) --no-print-directory demo-images
	@demo/run $(BUILD)/zendo

# The scripts know themselves whether something is to be done.
demo-images:
	@$(MAKE) --no-print-directory -j2 demo-root-dom0 demo-root-guest
	@demo/mkinitrd

demo-root-%:
	@demo/mkroot $*

iso:
	@tools/install-deps build demo iso
	@$(MAKE) --no-print-directory $(BUILD)/zendo
	@$(MAKE) --no-print-directory demo-images
	@demo/mkiso $(BUILD)/zendo $(BUILD)/zendo.iso
