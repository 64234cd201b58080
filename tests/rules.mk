# SPDX-License-Identifier: MIT
# The test targets. Folders add what their tests need built to TEST_PROGRAMS.

TEST_SUITES := lint unit fuzz guests boot system
RUN_TESTS = tests/run --build $(B) --unit "$(UNIT_TESTS)" --fuzz "$(FUZZERS)"

.PHONY: test $(TEST_SUITES:%=test-%)
## test: every suite: lint, unit, fuzz, guests, boot, system (also test-SUITE for one)
test: $$(ALL) $$(UNIT_TESTS) $$(FUZZERS) $$(TEST_PROGRAMS) guest-tests iso demo-volume
	@$(RUN_TESTS)
test-lint:
	@$(RUN_TESTS) lint
test-unit: $$(UNIT_TESTS)
	@$(RUN_TESTS) unit
## test-fuzz: every fuzzer for FUZZ_SECONDS=30 from FUZZ_SEED=1 (0: a new seed)
test-fuzz: $$(FUZZERS)
	@$(RUN_TESTS) fuzz
test-guests test-boot test-system: test-%: $$(ALL) $$(TEST_PROGRAMS) guest-tests iso demo-volume
	@$(RUN_TESTS) $*
.PHONY: lint
lint: test-lint
