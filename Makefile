# Everything that is done to this repository, by name. `make` alone lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

STORE ?= sqlite:./cairn-data/cairn.db
LISTEN ?= 127.0.0.1:4747

# What hand-written Swift there is. Generated code is left as its generator wrote it.
SWIFT_ROOTS := $(wildcard Sources Tests Benchmarks Package.swift)
SWIFT_FILES := find $(SWIFT_ROOTS) -name '*.swift' -not -path '*/Generated/*' -not -path '*/.build*/*' -print0

.PHONY: help
help: ## show this help
	@echo "usage: make TARGET [NAME=value]"
	@echo
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '%-14s %s\n' "$$name" "$$text"; done

.PHONY: deps deps-test deps-bench
deps: ## install the Debian packages that building and running need, if missing
	@Scripts/install-deps.sh build
deps-test:
	@Scripts/install-deps.sh build test
deps-bench:
	@Scripts/install-deps.sh build bench

.PHONY: build
# With Swift's libraries inside, the binary runs where there is no Swift, and a call costs some 5 % less.
build: ## build the release binary, .build/release/cairn
	swift build --configuration release --static-swift-stdlib --product cairn

.PHONY: run
run: deps build ## build, then serve (STORE=sqlite:./cairn-data/cairn.db LISTEN=127.0.0.1:4747)
	@mkdir -p cairn-data
	exec .build/release/cairn serve --store '$(STORE)' --listen '$(LISTEN)'

# The log is kept so that .ci/run can end with the counts, and a failure with what failed. Zero tests is a failure: it
# means that none was found. All tests at once would wait for each other's turn on a few threads; and one that hangs must
# not hang its caller, and is named.
TESTS_AT_ONCE ?= 6
.PHONY: test
test: deps-test ## build and run every test, then the interoperability tests in Python
	swift build --build-tests
	timeout --kill-after=10 1500 env SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$(TESTS_AT_ONCE) \
		Scripts/run-tests.sh .build/test.log --skip-build --parallel || \
		{ code=$$?; Scripts/failed-tests.sh .build/test.log >&2; exit "$$code"; }
	@grep -qE 'Test run with [1-9][0-9]* tests?' .build/test.log || { echo 'make test: no test was run' >&2; exit 1; }
	@if [[ -x Scripts/test-python.sh ]]; then Scripts/test-python.sh 2>&1 | tee .build/test-python.log; fi

.PHONY: build-baseline
build-baseline: ## build the store that a benchmark on a database compares with
	swift build --configuration release --static-swift-stdlib --product cairn-baseline

.PHONY: bench bench-scale
bench: deps-bench build build-baseline ## measure the release binary, beside its peers
	Scripts/bench.sh

bench-scale: deps-bench build ## measure it on PostgreSQL with up to 10 million keys (BENCH_KEYS=…)
	Scripts/bench-scale.sh

.PHONY: format
format: ## format the hand-written Swift in place
	@$(SWIFT_FILES) | xargs -0 swift format format --in-place --parallel

.PHONY: lint
lint: ## check the formatting, and run every Scripts/check-*.sh
	@$(SWIFT_FILES) | xargs -0 swift format lint --strict --parallel
	@for check in $(sort $(wildcard Scripts/check-*.sh)); do echo "$$check"; "$$check"; done

.PHONY: proto proto-check
proto: deps-test ## generate the Swift of Protos/ (builds the generator first: minutes, once)
	Scripts/generate-protos.sh

proto-check: ## check that the generated code fits Protos/ (FULL=1 generates it anew to compare)
	@Scripts/generate-protos.sh --check $(if $(FULL),--full)

.PHONY: clean
clean: ## remove what was built (never cairn-data)
	rm -rf .build .build-protoc
