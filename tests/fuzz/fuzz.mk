# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzzing on the host (docs/testing.md): one program per target, the hypervisor's own sources under
# ASan and UBSan with libFuzzer. Always clang, whatever CC is.
#   make fuzz TIME=seconds [ONLY=target]
FUZZ_CC  := clang
FUZZ_DIR := $(BUILD)/tests/fuzz
FUZZ_OBJ := $(BUILD)/tests/fuzz-obj
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_CPPFLAGS := -D__XEN_TOOLS__ -DHV_HOST_TEST -DHV_DEBUG -DHV_VERSION='"$(VERSION)"' \
                 -Ihv/include -Iarch/x86/include -I. -Itests/unit -Itests/fuzz
FUZZ_CFLAGS := -std=gnu17 -O2 -g -fno-omit-frame-pointer -fno-strict-aliasing -fwrapv -fno-common \
               -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wundef -Wno-unused-parameter \
               -Wno-sign-compare -Wno-address-of-packed-member

# These define what the host's C library defines (tests/unit/unit.mk).
$(FUZZ_OBJ)/hv/lib/string.o: FUZZ_CPPFLAGS += -include tests/unit/rename_libc.h

# For hypercalls counters alone: tracing comparisons takes a third of the time, and numbers are drawn from
# what exists anyway. Parsers need it, for their magic numbers.
FUZZ_COVERAGE := -fsanitize-coverage=inline-8bit-counters,pc-table
$(addprefix $(FUZZ_OBJ)/,hv/lib/% hv/acpi/% hv/core/param.o arch/x86/boot/% arch/x86/emul/%): FUZZ_COVERAGE := -fsanitize=fuzzer-no-link
# What is shared with guests can change between two loads (hypercalls.c).
$(addprefix $(FUZZ_OBJ)/,hv/event/% hv/grant/%): FUZZ_COVERAGE := -fsanitize-coverage=inline-8bit-counters,pc-table,trace-loads
# The hypervisor: sanitizers, and coverage that guides the fuzzer. The harness has neither: it is ours, and runs often.
$(FUZZ_OBJ)/hv/%.o: FUZZ_EXTRA = $(FUZZ_SANITIZE) $(FUZZ_COVERAGE) -include tests/fuzz/instructions.h
$(FUZZ_OBJ)/arch/%.o: FUZZ_EXTRA = $(FUZZ_SANITIZE) $(FUZZ_COVERAGE) -include tests/fuzz/instructions.h
# A loader's structures lie where it put them.
$(FUZZ_OBJ)/arch/x86/boot/%.o: FUZZ_EXTRA += -fno-sanitize=alignment
$(FUZZ_OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  FUZZCC  $<")
	$(Q)$(FUZZ_CC) $(FUZZ_CPPFLAGS) $(FUZZ_CFLAGS) $(FUZZ_EXTRA) -MMD -MP -c -o $@ $<

FUZZ_MACHINE := machine machine_memory machine_rest model world witness calls calls_memory calls_events calls_control hypercalls
FUZZ_SOURCES_hypercalls := $(FUZZ_MACHINE:%=tests/fuzz/%.c) tests/unit/host_support.c \
    hv/core/softirq.c hv/core/smp_call.c hv/core/lock.c hv/core/rwlock.c \
    hv/mm/buddy.c hv/mm/frame.c hv/mm/domain_memory.c hv/mm/m2p.c \
    hv/core/param.c hv/lib/bitmap.c hv/lib/rangeset.c hv/lib/parse.c hv/lib/string.c \
    $(filter-out hv/domain/hardware_shutdown.c,$(wildcard hv/domain/*.c)) $(wildcard hv/sched/*.c) $(wildcard hv/time/*.c) \
    $(wildcard hv/trace/*.c) $(wildcard hv/event/*.c) $(wildcard hv/grant/*.c) $(wildcard hv/hypercall/*.c) \
    hv/control/access.c hv/control/bitmap.c $(wildcard hv/control/domctl*.c) \
    arch/x86/domain.c arch/x86/mm/tlb.c arch/x86/time/vtsc.c arch/x86/time/scale.c \
    $(wildcard arch/x86/emul/*.c) $(wildcard arch/x86/pv/mmu/*.c) $(wildcard arch/x86/pv/cpu_policy*.c) $(wildcard arch/x86/control/domctl*.c) arch/x86/control/sysctl_policy.c \
    $(addprefix arch/x86/pv/,callback.c context.c cpuid.c debugreg.c e820.c hypercall.c trace.c trap_table.c)

FUZZ_SOURCES_elf := tests/fuzz/elf.c hv/lib/elf.c hv/lib/elf_notes.c
FUZZ_SOURCES_kernel := tests/fuzz/kernel.c tests/unit/host_support.c arch/x86/boot/payload.c arch/x86/boot/decompress.c \
    hv/lib/xz.c hv/lib/lzma.c hv/lib/bcj_x86.c hv/lib/crc32.c
FUZZ_LIBS_kernel := -lz -lzstd -llz4
FUZZ_SOURCES_boot := tests/fuzz/boot.c tests/unit/host_support.c $(addprefix arch/x86/boot/,boot_info.c multiboot1.c multiboot2.c pvh.c) \
    hv/acpi/parse.c hv/core/param.c hv/lib/parse.c hv/lib/string.c
FUZZ_SOURCES_emul := tests/fuzz/emul.c $(wildcard arch/x86/emul/*.c)

FUZZ_TARGETS := hypercalls elf kernel boot emul
define FUZZ_RULE
$(FUZZ_DIR)/$(1): $(patsubst %.c,$(FUZZ_OBJ)/%.o,$(FUZZ_SOURCES_$(1)))
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  FUZZLD  $$@")
	$$(Q)$$(FUZZ_CC) $$(FUZZ_SANITIZE) -fsanitize=fuzzer -o $$@ $$^ $$(FUZZ_LIBS_$(1))
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call FUZZ_RULE,$(t))))

fuzz:
	@BUILD=$(BUILD) TIME=$(or $(TIME),300) ONLY=$(ONLY) tests/fuzz/run long

fuzz-build: $(FUZZ_TARGETS:%=$(FUZZ_DIR)/%)

-include $(shell find $(FUZZ_OBJ) -name '*.d' 2>/dev/null)

.PHONY: fuzz fuzz-build
