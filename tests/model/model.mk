# SPDX-License-Identifier: GPL-2.0-or-later
# Models: the hypervisor's sources, unchanged, in all interleavings (explore.h). tests/model/model_X.c names its sources as a
# unit test does. A mutant is a model with one source changed by a line of `mutations`.
MODEL_DIR := $(BUILD)/tests/model
MODEL_OBJ := $(BUILD)/tests/model-obj
MODELS := $(sort $(patsubst tests/model/%.c,%,$(wildcard tests/model/model_*.c)))
MODEL_MUTANTS := $(shell sed -n 's/^\([a-z][^ ]*\) :: .*/\1/p' tests/model/mutations)
MODEL_CFLAGS := -std=gnu17 -g -fno-pie -fno-strict-aliasing -fwrapv -fno-common -fno-stack-protector -fcf-protection=none \
                -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wundef -Wno-unused-parameter -Wno-sign-compare -Wno-address-of-packed-member
# Hooks at accesses, and the heap of explore.c.
MODEL_HOOKED := -O1 -fsanitize=thread -Wno-tsan $(foreach f,posix_memalign aligned_alloc calloc free,-D$(f)=model_$(f))

model_sources = $(shell sed -n 's,^// sources:,,p' tests/model/$(1).c) tests/model/$(1).c tests/unit/host_support.c
model_objects = $(patsubst %.c,$(MODEL_OBJ)/%.o,$(sort $(call model_sources,$(1)))) $(MODEL_OBJ)/tests/model/explore.o $(MODEL_OBJ)/tests/model/explore_hooks.o
mutant_field = $(strip $(shell sed -n 's/^$(1) :: \([^ ]*\) :: \([^ ]*\) :: \([^ ]*\) :: .*/\$(2)/p' tests/model/mutations))

model-build: $(MODELS:%=$(MODEL_DIR)/%) $(MODEL_MUTANTS:%=$(MODEL_DIR)/mutant/%)
model: model-build
	@BUILD=$(BUILD) tests/run model
model-tests: model-build
	$(Q)BUILD=$(BUILD) tests/model/run

$(MODEL_OBJ)/%.o: %.c tests/model/model.mk
	@mkdir -p $(@D)
	$(if $(V),,@echo "  MODELCC $<")
	$(Q)gcc $(UNIT_CPPFLAGS) $(MODEL_CFLAGS) $(MODEL_HOOKED) -MMD -MP -c -o $@ $<
$(MODEL_OBJ)/tests/model/explore.o $(MODEL_OBJ)/tests/model/explore_hooks.o: MODEL_HOOKED := -O2

define MODEL_RULE
$(MODEL_DIR)/$(1): $(call model_objects,$(1))
	@mkdir -p $$(@D)
	$$(Q)gcc -no-pie -o $$@ $$^ -lcmocka
endef
$(foreach m,$(MODELS),$(eval $(call MODEL_RULE,$(m))))

# 1: name, 2: program, 3: source
define MUTANT_RULE
$(MODEL_OBJ)/mutant/$(1).o: $(3) tests/model/mutations tests/model/mutate
	@mkdir -p $$(@D)
	$$(Q)tests/model/mutate $(1) > $$(@:.o=.c)
	$$(Q)gcc $$(UNIT_CPPFLAGS) -iquote $(dir $(3)) $$(MODEL_CFLAGS) $$(MODEL_HOOKED) -MMD -MP -c -o $$@ $$(@:.o=.c)
$(MODEL_DIR)/mutant/$(1): $(MODEL_OBJ)/mutant/$(1).o $(filter-out $(MODEL_OBJ)/$(3:.c=.o),$(call model_objects,$(2)))
	@mkdir -p $$(@D)
	$$(Q)gcc -no-pie -o $$@ $$^ -lcmocka
endef
$(foreach m,$(MODEL_MUTANTS),$(eval $(call MUTANT_RULE,$(m),$(call mutant_field,$(m),1),$(call mutant_field,$(m),3))))

-include $(shell find $(MODEL_OBJ) -name '*.d' 2>/dev/null)

.PHONY: model model-build model-tests
