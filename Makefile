# The front door: `make demo` shows the engine at work, `make test` checks everything that CI checks.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

MULLAMA := .build/release/mullama
MODEL = $$(python3 Scripts/fetch-model.py)
THREADS ?= 2
ROUNDS ?= 5
# Extra words for `swift test`, as in `make test TEST_FLAGS='--filter GGUFTests'`.
TEST_FLAGS ?=
# A Python that has llama-cpp-python; without one, `make compare` builds its own in the cache.
PEER_PYTHON ?=
# Extra words for compare.py, as in `make compare COMPARE_FLAGS='--depth 8000 --adapters 1,4'`.
COMPARE_FLAGS ?=

KERNEL_BENCHMARKS = swift package --allow-writing-to-package-directory benchmark

SWIFT_FILES = $$(find Package.swift Sources Tests Benchmarks -name '*.swift' -not -path '*/.build/*')

.PHONY: help demo test build model deps bench bench-kernels compare format lint clean

help: ## Show this table
	@echo "usage: make TARGET"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build model ## Answer one prompt as base, with each adapter, and with both stacked
	@Scripts/demo.sh $(MULLAMA) "$(MODEL)"

test: deps model lint ## Everything CI runs: lint, release build of all products, all tests
	swift build -c release
	@Scripts/test.sh $(TEST_FLAGS)

build: deps ## Build the command line tool in release
	swift build -c release --product mullama

model: deps ## Fetch SmolLM2-135M-Instruct (98 MB) into the cache, checked by SHA-256
	@python3 Scripts/fetch-model.py

deps: ## Check Swift; install what is missing (libopenblas-dev, pip) with apt-get
	@Scripts/install-dependencies.sh

bench: build model ## Measure prefill and decode speed of SmolLM2 (THREADS=2)
	@$(MULLAMA) bench "$(MODEL)" --prompt 512 --generate 128 --threads $(THREADS)

bench-kernels: deps ## Measure each kernel alone; check its allocations against Benchmarks/Thresholds
	@cd Benchmarks && $(KERNEL_BENCHMARKS) baseline update latest --no-progress
	@cd Benchmarks && $(KERNEL_BENCHMARKS) baseline read latest --no-progress --grouping metric
	@cd Benchmarks && $(KERNEL_BENCHMARKS) thresholds check latest --no-progress

compare: build model ## Measure against llama.cpp in turn (ROUNDS=5 THREADS=2 PEER_PYTHON=...)
	@python3 Benchmarks/compare/compare.py "$(MODEL)" --mullama $(MULLAMA) --rounds $(ROUNDS) \
	  --threads $(THREADS) $(if $(PEER_PYTHON),--peer-python $(PEER_PYTHON),--install-peer) $(COMPARE_FLAGS)

format: ## Format all Swift files in place
	@swift format format --in-place --parallel $(SWIFT_FILES)

lint: ## Check the formatting of all Swift files; any finding is an error
	@swift format lint --strict --parallel $(SWIFT_FILES)
	@echo "lint: no findings"

clean: ## Remove build products; the model stays in the cache
	rm -rf .build Benchmarks/.build Benchmarks/.benchmarkBaselines
