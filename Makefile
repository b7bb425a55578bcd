# SPDX-License-Identifier: GPL-2.0-or-later
# One non-recursive Makefile. Targets for people: all run test iso unit clean.
# Variables: CC=gcc|clang  DEBUG=1 (default) | 0  V=1
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

BUILD  := build
DEBUG  ?= 1
CC     := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
Q      := $(if $(V),,@)
VERSION := 0.1

all: $(BUILD)/zendo

# --- the hypervisor -----------------------------------------------------------
HV_SOURCES := $(filter-out $(if $(filter 1,$(DEBUG)),,hv/core/fault.c),$(sort $(wildcard hv/*.c hv/*/*.c)))
X86_SOURCES := $(sort $(shell find arch/x86 -name '*.c'))
ASM_SOURCES := $(sort $(shell find arch/x86 -name '*.S'))
OBJECTS := $(patsubst %.c,$(BUILD)/hv/%.o,$(HV_SOURCES) $(X86_SOURCES)) $(patsubst %.S,$(BUILD)/hv/%.o,$(ASM_SOURCES))

WARNINGS := -Wall -Wextra -Werror -Wconversion -Wno-sign-conversion -Wshadow -Wstrict-prototypes \
            -Wmissing-prototypes -Wundef -Wvla -Wno-unused-parameter -Wno-address-of-packed-member
# Indirect branches and returns go by arch/x86/cpu/thunk.S. clang: all by %r11; returns from version 15 on.
ifneq ($(findstring clang,$(CC)),)
THUNKS := -mretpoline -mretpoline-external-thunk -fno-jump-tables
else
THUNKS := -mindirect-branch=thunk-extern -mindirect-branch-register -mfunction-return=thunk-extern -DHV_RETURN_THUNKS -fno-jump-tables
endif
CPPFLAGS := -D__XEN_TOOLS__ -DHV_VERSION='"$(VERSION)"' $(if $(filter 1,$(DEBUG)),-DHV_DEBUG) \
            -Ihv/include -Iarch/x86/include -I$(BUILD)/include -I.
CFLAGS := -include hv/include/hv/visibility.h -std=gnu17 -O2 -g -ffreestanding -fno-builtin-printf -fno-strict-aliasing -fno-common -fwrapv \
          -fPIE -fvisibility=hidden -fno-stack-protector -fno-asynchronous-unwind-tables $(if $(filter 1,$(DEBUG)),-fno-omit-frame-pointer,-fomit-frame-pointer) \
          -fcf-protection=none -mno-red-zone -mgeneral-regs-only -mno-sse -m64 -ffunction-sections \
          -fno-delete-null-pointer-checks $(THUNKS) $(WARNINGS)
# INSTRUMENT: further options for C sources only; see tests/coverage/coverage.mk.
# Debian's decoders, for compressed dom0 kernels; xz is decoded by hv/lib/lzma.c (docs/dom0.md)
LIBS := -l:libzstd.a -l:libz.a -l:liblz4.a

$(BUILD)/hv/%.o: %.c $(BUILD)/include/asm-offsets.h
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(INSTRUMENT) -MMD -MP -c -o $@ $<

$(BUILD)/hv/%.o: %.S $(BUILD)/include/asm-offsets.h
	@mkdir -p $(@D)
	$(if $(V),,@echo "  AS      $<")
	$(Q)$(CC) $(CPPFLAGS) -D__ASSEMBLY__ -m64 -g -Wa,--noexecstack -MMD -MP -c -o $@ $<

# Offsets of C structures for assembly: compiled to assembly text, then picked out.
$(BUILD)/include/asm-offsets.h: arch/x86/asm-offsets.c.in
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-missing-prototypes -MMD -MP -MT $@ -MF $(BUILD)/include/asm-offsets.d -x c -S -o - $< | sed -n 's/.*@\([A-Z0-9_]*\) [$$]*\(-\{0,1\}[0-9]*\).*/#define \1 \2/p' > $@

$(BUILD)/zendo.ld: arch/x86/zendo.ld.in $(BUILD)/include/asm-offsets.h
	$(Q)$(CC) $(CPPFLAGS) -E -P -x c -D__ASSEMBLER__ -o $@ $<

# Two links: the first gives the symbol table that crash reports use, and where thunks are called.
LD_FLAGS := -m64 -nostdlib -static -Wl,--build-id=sha1 -Wl,-z,noexecstack,-z,max-page-size=4096,-z,norelro -Wl,--no-warn-rwx-segments -Wl,--gc-sections -Wl,--orphan-handling=warn
LINK_TABLES := $(BUILD)/symbols.o $(BUILD)/branches.o
$(BUILD)/zendo.elf: $(OBJECTS) $(BUILD)/zendo.ld tools/gen-symbols tools/gen-branches
	$(if $(V),,@echo "  LD      $@")
	$(Q)tools/gen-symbols /dev/null $(BUILD)/symbols.S && $(CC) -c -o $(BUILD)/symbols.o $(BUILD)/symbols.S
	$(Q)tools/gen-branches /dev/null $(BUILD)/branches.S && $(CC) -c -o $(BUILD)/branches.o $(BUILD)/branches.S
	$(Q)$(CC) $(LD_FLAGS) -T $(BUILD)/zendo.ld -o $@.1 $(OBJECTS) $(LINK_TABLES) $(LIBS)
	$(Q)tools/gen-symbols $@.1 $(BUILD)/symbols.S && $(CC) -c -o $(BUILD)/symbols.o $(BUILD)/symbols.S
	$(Q)tools/gen-branches $@.1 $(BUILD)/branches.S && $(CC) -c -o $(BUILD)/branches.o $(BUILD)/branches.S
	$(Q)$(CC) $(LD_FLAGS) -T $(BUILD)/zendo.ld -o $@ $(OBJECTS) $(LINK_TABLES) $(LIBS)

# What is booted: the same without symbols. Multiboot's address fields say where it goes (boot/head.S).
$(BUILD)/zendo: $(BUILD)/zendo.elf
	$(Q)objcopy -S $< $@
	@echo "  built   $@ ($$(stat -c %s $@) bytes)"

clean:
	rm -rf $(BUILD)/hv $(BUILD)/include $(BUILD)/zendo* $(BUILD)/symbols.* $(BUILD)/branches.*

# --- tests, demo --------------------------------------------------------------
-include tests/unit/unit.mk
-include tests/fuzz/fuzz.mk
-include tests/model/model.mk
-include tests/guest/guest.mk
-include tests/system/system.mk
-include tests/coverage/coverage.mk
-include demo/demo.mk
-include bench/bench.mk
-include $(shell find $(BUILD)/hv $(BUILD)/include -name '*.d' 2>/dev/null)

.PHONY: all clean
