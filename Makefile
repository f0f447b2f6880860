# One command for each thing that a person does with this checkout. `make demo` and `make test` need a
# machine with Rust and a C compiler; what else they need, scripts/setup.sh gets.

.PHONY: help demo cluster-demo build test chaos lint bench fuzz clean setup setup-test
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

TARGET := $(or $(CARGO_TARGET_DIR),target)
WASMILL := $(TARGET)/release/wasmill
DEMO := $(TARGET)/demo

help: ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

demo: build texts ## Count the words of this project's own texts with a bundle
	rm -rf $(DEMO)/counts
	$(WASMILL) run --local --parallelism 2 $(TARGET)/wasmill/word-count.wasm -- --input $(DEMO)/text --output $(DEMO)/counts
	@$(call top_ten,$(DEMO)/counts)

cluster-demo: build texts ## Count them on a cluster of three processes, submitted with curl
	scripts/cluster-demo.sh $(WASMILL) $(TARGET)/wasmill/word-count.wasm $(DEMO)/text $(DEMO)/cluster
	@$(call top_ten,$(DEMO)/cluster/counts)

texts: build
	rm -rf $(DEMO)/text
	mkdir -p $(DEMO)/text
	cp LICENSE *.md wit/*.wit $(DEMO)/text
	$(WASMILL) build guest-examples/word-count

# Each line is `word,count so far`, and counts only grow: a word's largest one is its last.
define top_ten
echo; echo "The ten most frequent words:"; cat $(1)/* \
  | awk '{ n = $$0; sub(/.*,/, "", n); sub(/,[^,]*$$/, ""); if (n + 0 > last[$$0]) last[$$0] = n + 0 } \
         END { for (word in last) printf "%8d  %s\n", last[word], word }' \
  | LC_ALL=C sort -k1,1nr -k2 >$(1).words; head -n 10 $(1).words
endef

build: setup ## Build the wasmill program: target/release/wasmill
	cargo build --release -p wasmill-node

test: setup-test ## Run all tests, as root; they build their guests from source
	cargo test --doc --workspace
	cargo nextest run --workspace --no-fail-fast

FAULTS ?= 20
chaos: setup-test ## Let FAULTS random faults (20) happen to each kind of job, as root; about a quarter of an hour
	WASMILL_FAULTS=$(FAULTS) cargo nextest run --workspace --profile chaos -E 'test(cluster::faults)'

lint: setup-test ## Check the formatting and run clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

bench: build ## Measure guests against the same programs compiled natively, and the exchange against raw QUIC
	$(WASMILL) bench map-filter
	$(WASMILL) bench map-filter --variant fused
	$(WASMILL) bench map-filter --variant exchange --parallelism 2
	$(WASMILL) bench word-count
	$(WASMILL) bench exchange --parallelism 2

SECONDS_EACH ?= 60
FUZZ := tests/fuzz/libfuzzer
fuzz: setup ## Fuzz every decoder for SECONDS_EACH seconds (60)
	cargo fuzz --version || cargo install cargo-fuzz --locked
	for target in $$(sed -n '/ TARGETS:/,/^];/s/^ *\(target_of(\)\{0,1\}"\([a-z-]*\)",.*/\2/p' tests/fuzz/src/lib.rs); do \
	  echo "fuzz: $$target"; mkdir -p $(FUZZ)/corpus/$$target; \
	  WASMILL_FUZZ_TARGET=$$target WASMILL_FUZZ_SEEDS=$(CURDIR)/$(FUZZ)/corpus/$$target \
	    cargo fuzz run --fuzz-dir $(FUZZ) --sanitizer none decoders \
	    $(FUZZ)/corpus/$$target -- -max_total_time=$(SECONDS_EACH) -timeout=10 -rss_limit_mb=2048; done

clean: ## Remove everything that was built
	cargo clean

setup:
	@scripts/setup.sh

setup-test:
	@scripts/setup.sh --test
