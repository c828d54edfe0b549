# The front door: every target is a thin call of CMake or of a script in tools/.
BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60

.PHONY: help setup build quickstart test test-full bench asan tsan fuzz clean install

help:
	@echo 'make setup       install what is missing (Debian packages, the Atari emulator)'
	@echo 'make build       setup, then $(BUILD)/polyplay'
	@echo 'make quickstart  collect, train, evaluate on two Atari games; at most 15 minutes on 2 cores'
	@echo 'make test        setup, build and run the tests; ends with "N passed, N failed"'
	@echo 'make test-full   the same, and the checks against Python oracles'
	@echo 'make bench       the figures of docs/benchmarks.md'
	@echo 'make asan        tests under address and undefined-behaviour sanitizers'
	@echo 'make tsan        tests under the thread sanitizer'
	@echo 'make fuzz        each fuzz target for FUZZ_SECONDS (default 60); needs clang'
	@echo 'make install     into PREFIX (default /usr/local); recipes go to PREFIX/share/polyplay/recipes'
	@echo 'make clean       remove the build folders'

setup:
	@tools/setup

build: setup
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release -DPP_TESTS=ON
	@cmake --build $(BUILD) -j $(JOBS)

quickstart:
	@tools/quickstart

test: build
	@tools/run_tests $(BUILD)

test-full: build
	@tools/setup --oracles
	@tools/run_tests $(BUILD) --full

bench: build
	@tools/bench $(BUILD)

asan: setup
	@cmake -S . -B build-asan -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 \
	    -DPP_SANITIZE=address,undefined
	@cmake --build build-asan -j $(JOBS)
	@tools/run_tests build-asan

tsan: setup
	@cmake -S . -B build-tsan -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 \
	    -DPP_SANITIZE=thread
	@cmake --build build-tsan -j $(JOBS)
	@tools/run_tests build-tsan

# Inputs that were found stay in build-fuzz/found, what broke a target in build-fuzz/broken.
fuzz: setup
	@cmake -S . -B build-fuzz -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 \
	    -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DPP_FUZZ=ON -DPP_WERROR=OFF
	@cmake --build build-fuzz -j $(JOBS) --target fuzzers
	@failed=0; cd build-fuzz && mkdir -p found broken || exit 1; \
	export LSAN_OPTIONS=suppressions=../tests/fuzz/lsan.supp:print_suppressions=0; \
	for source in ../tests/fuzz/fuzz_*.c; do \
	    name=$$(basename $$source .c | sed 's/^fuzz_//'); mkdir -p found/$$name; \
	    words=../tests/fuzz/$$name.dict; \
	    if fuzz/libfuzzer_$$name -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
	        $$([ -f $$words ] && echo -dict=$$words) -timeout=20 \
	        -artifact_prefix=broken/$$name- found/$$name ../tests/fuzz/corpus/$$name \
	        > fuzz/$$name.log 2>&1; then \
	        echo "fuzz $$name: $$(sed -n 's/^stat::number_of_executed_units: *//p' fuzz/$$name.log) runs, none broken"; \
	    else \
	        failed=1; tail -n 60 fuzz/$$name.log; echo "fuzz $$name: BROKEN"; \
	    fi; \
	done; exit $$failed

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	@rm -rf build build-debug build-asan build-tsan build-fuzz
