# SPDX-License-Identifier: GPL-2.0-or-later
# Host unit tests: one cmocka program per tests/unit/test_X.c, built with the hypervisor's own
# sources, unchanged, under ASan and UBSan.
#
# A test names what it is linked with in a line of its own, and may add compiler options:
#   // sources: hv/event/port.c hv/lib/bitmap.c
#   // cflags: -DSOMETHING
# tests/unit/host_support.c joins every program; all that it defines is weak, so that a real
# source or the test itself takes precedence. See tests/unit/host_support.h.
UNIT_DIR := $(BUILD)/tests/unit
UNIT_OBJ := $(BUILD)/tests/unit-obj
UNIT_TESTS := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c)))
UNIT_CPPFLAGS := -D__XEN_TOOLS__ -DHV_HOST_TEST -DHV_DEBUG -DHV_VERSION='"$(VERSION)"' \
                 -Ihv/include -Iarch/x86/include -I. -Itests/unit
UNIT_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_CFLAGS := -std=gnu17 -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing -fwrapv \
               $(UNIT_SANITIZE) -fno-common \
               -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wundef -Wno-unused-parameter \
               -Wno-sign-compare -Wno-address-of-packed-member

unit-build: $(UNIT_TESTS:%=$(UNIT_DIR)/%)

unit: unit-build
	@BUILD=$(BUILD) tests/run unit

$(UNIT_OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  HOSTCC  $<")
	$(Q)$(CC) $(UNIT_CPPFLAGS) $(UNIT_CFLAGS) $(UNIT_EXTRA) $(INSTRUMENT) -MMD -MP -c -o $@ $<

# These define what the host's C library defines: they are tested under hv_ names.
$(UNIT_OBJ)/hv/lib/string.o $(UNIT_OBJ)/hv/lib/printf.o: UNIT_EXTRA := -include tests/unit/rename_libc.h

define UNIT_RULE
$(UNIT_OBJ)/tests/unit/$(1).o: UNIT_EXTRA := $$(shell sed -n 's,^// cflags:,,p' tests/unit/$(1).c)
$(UNIT_DIR)/$(1): $(UNIT_OBJ)/tests/unit/$(1).o $(UNIT_OBJ)/tests/unit/host_support.o \
                  $(patsubst %.c,$(UNIT_OBJ)/%.o,$(sort $(shell sed -n 's,^// sources:,,p' tests/unit/$(1).c)))
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  HOSTLD  $$@")
	$$(Q)$$(CC) $$(UNIT_CFLAGS) $$(INSTRUMENT_LINK) -o $$@ $$^ -lcmocka
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call UNIT_RULE,$(t))))

-include $(shell find $(UNIT_OBJ) -name '*.d' 2>/dev/null)

.PHONY: unit unit-build
