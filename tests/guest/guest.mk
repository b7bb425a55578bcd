# SPDX-License-Identifier: GPL-2.0-or-later
# Bare-metal PV guests: one folder a test, linked with lib/. `make guest-tests` runs them as dom0.
# `make guest-compare STOCK=xen` runs them on stock Xen too and shows where the transcripts differ.
GUEST_TESTS := $(filter-out lib,$(notdir $(patsubst %/,%,$(dir $(wildcard tests/guest/*/main.c)))))
GUEST_IMAGES := $(GUEST_TESTS:%=$(BUILD)/tests/guest/%)
GUEST_LIB := $(wildcard tests/guest/lib/*.c tests/guest/lib/*.S)
GUEST_CC ?= $(CC)
GUEST_CFLAGS := -D__XEN_TOOLS__ -std=gnu17 -O2 -g -ffreestanding -fno-stack-protector -mno-red-zone -mgeneral-regs-only \
                -mcmodel=kernel -fno-pic -fno-pie -fno-asynchronous-unwind-tables -fcf-protection=none -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-parameter

.SECONDEXPANSION:
$(BUILD)/tests/guest/%: tests/guest/%/main.c $$(wildcard tests/guest/$$*/*.[ch]) $(GUEST_LIB) tests/guest/lib/guest.h tests/guest/lib/guest.ld
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -Wl,-z,noexecstack \
	    -T tests/guest/lib/guest.ld -o $@ $(filter %.c %.S,$^)

guest-images: $(GUEST_IMAGES)
guest-tests: $(BUILD)/zendo $(GUEST_IMAGES)
	$(Q)BUILD=$(BUILD) tests/guest/run $(BUILD)/zendo $(GUEST_IMAGES)
STOCK ?= $(BUILD)/stock/xen
guest-compare: $(BUILD)/zendo $(GUEST_IMAGES)
	$(Q)tests/system/stock-xen $(STOCK)
	$(Q)BUILD=$(BUILD) tests/guest/compare $(STOCK) $(BUILD)/zendo $(GUEST_IMAGES)
.PHONY: guest-images guest-tests guest-compare
