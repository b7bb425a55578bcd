# SPDX-License-Identifier: GPL-2.0-or-later
# `make bench [ONLY=pattern]`: Zendo (a release build of its own) beside Debian's Xen. docs/benchmarks.md
BENCH_BUILD := $(BUILD)/bench
BENCH_LIB := $(wildcard tests/guest/lib/*.c tests/guest/lib/*.S)
BENCH_BUILDER := tests/guest/nursery/builder.c
BENCH_HEADERS := bench/guest/bench.h $(wildcard bench/pair/*.h) tests/guest/nursery/builder.h tests/guest/lib/guest.h tests/guest/lib/guest.ld
BENCH_IMAGES := guest pair life
BENCH_SOURCES_guest := $(wildcard bench/guest/*.c) bench/guest/stubs.S
BENCH_SOURCES_pair := $(wildcard bench/pair/*.c) bench/guest/grants.c bench/guest/report.c bench/guest/stubs.S $(BENCH_BUILDER)
BENCH_SOURCES_life := $(wildcard bench/life/*.c) bench/guest/report.c $(BENCH_BUILDER)

define BENCH_IMAGE
$(BENCH_BUILD)/$(1): $$(BENCH_SOURCES_$(1)) $(BENCH_LIB) $(BENCH_HEADERS)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(GUEST_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -Wl,-z,noexecstack \
	    -T tests/guest/lib/guest.ld -o $$@ $$(filter %.c %.S,$$^)
endef
$(foreach image,$(BENCH_IMAGES),$(eval $(call BENCH_IMAGE,$(image))))

# Linux's first process, static: it is alone in its initramfs
$(BENCH_BUILD)/linux/init: $(wildcard bench/linux/*.c) bench/linux/bench.h
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -O2 -static -Wall -Wextra -Werror -Wno-unused-parameter -o $@ $(filter %.c,$^)

bench-images: $(BENCH_IMAGES:%=$(BENCH_BUILD)/%) $(BENCH_BUILD)/linux/init
	@:

# What a fresh machine lacks must be there first, as with `make run`.
bench:
	$(Q)tools/install-deps build demo bench
	$(Q)$(MAKE) --no-print-directory bench-images
	$(Q)$(MAKE) --no-print-directory demo-images && BUILD=$(BUILD) bench/mkimages || echo "bench: images are missing, see above: their rows are skipped" >&2
	$(Q)$(MAKE) --no-print-directory BUILD=$(BENCH_BUILD)/release DEBUG=0 $(BENCH_BUILD)/release/zendo
	$(Q)tests/system/stock-xen $(BUILD)/stock-xen
	$(Q)BUILD=$(BUILD) ONLY='$(ONLY)' bench/run $(BENCH_BUILD)/release/zendo $(BUILD)/stock-xen
.PHONY: bench bench-images
