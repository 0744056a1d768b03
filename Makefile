# Thin on purpose: every line that CI runs has a target here, and no target does more than call a program.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Programs, jars and compiled crates are kept outside the checkout, so that a fresh clone starts warm.
export TRIBUTARY_CACHE ?= $(HOME)/.cache/tributary
export TRIBUTARY_STATE ?= /var/lib/tributary-environment
export CARGO_TARGET_DIR ?= $(TRIBUTARY_CACHE)/target
export CARGO_INSTALL_ROOT := $(TRIBUTARY_CACHE)/tools
CARGO_DENY := $(CARGO_INSTALL_ROOT)/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
ENVIRONMENT := cargo run --quiet --package e2e --no-default-features --bin environment --
WITH_ENVIRONMENT := set -a; source $(TRIBUTARY_STATE)/environment.env; set +a;

.PHONY: help demo demo-own test up down status stop start logs images prerequisites format lint deny unit faults counts profile crash check front chart contracts e2e bench generate helm cli

help: ## Lists the targets.
	@grep -hE '^[a-z0-9 -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9 -]+):.*## /\1\t/' | expand -t 16

# A cluster of your own: make demo KUBECONFIG=… KAFKA=… CLICKHOUSE_URL=… (docs/CONTRIBUTING.md has all the variables).
ifeq ($(origin KUBECONFIG),command line)
demo: PURPOSE := own-cluster
demo: prerequisites ## Runs the main job end to end, here or on your own cluster (KUBECONFIG=… KAFKA=… CLICKHOUSE_URL=…).
	$(ENVIRONMENT) programs kubectl helm
	HELM=$${HELM:-$(TRIBUTARY_CACHE)/bin/helm} KUBECTL=$${KUBECTL:-$(TRIBUTARY_CACHE)/bin/kubectl} cargo run --quiet --release --package e2e --bin demo
else
demo: up images
	$(WITH_ENVIRONMENT) cargo run --quiet --release --package e2e --bin demo -- --local
endif

# The environment's cluster, as if it were anybody's: without a way from its pods to this machine, then with one.
demo-own: images ## Runs the demo as on a cluster of your own, against the environment's.
	@echo "== the demo on a cluster of one's own"
	$(WITH_ENVIRONMENT)
	own=(KUBECONFIG="$$KUBECONFIG" KAFKA="$$KAFKA" CLICKHOUSE_URL="$$CLICKHOUSE_URL" EVENTS=20000)
	$(MAKE) --no-print-directory demo "$${own[@]}"
	$(MAKE) --no-print-directory demo "$${own[@]}" RECEIVER_URL=http://10.250.0.1:8091/big-spenders

counts profile: PURPOSE := counts
test up crash faults: PURPOSE := environment
test: format lint deny unit counts crash check front chart contracts e2e demo-own ## Runs every check and every test, the end-to-end ones on the real thing.
	@echo "all checks and tests are green; the environment is still up, make down takes it away"

prerequisites:
	@e2e/prerequisites $(PURPOSE)

up: prerequisites ## Brings up Kubernetes, Kafka and ClickHouse on this machine.
	@$(ENVIRONMENT) up

down: ## Takes the environment away, whatever is left of it.
	@$(ENVIRONMENT) down

status: ## Shows the parts of the environment.
	@$(ENVIRONMENT) status

stop start logs: ## Stops or starts a part of the environment, or shows its log: make stop PART=clickhouse.
	@$(ENVIRONMENT) $@ $(PART)

images: up ## Builds the two images and brings them into the environment's cluster.
	@$(ENVIRONMENT) images

format: prerequisites
	@echo "== format"
	cargo fmt --all --check

lint: prerequisites
	@echo "== lints"
	cargo clippy --workspace --all-targets --all-features -- --deny warnings

deny: $(CARGO_DENY)
	@echo "== licences, bans and sources of the crates"
	$(CARGO_DENY) --log-level error --all-features check licenses bans sources

$(CARGO_DENY):
	@echo "building cargo-deny $(CARGO_DENY_VERSION) (about 4 minutes, once)"
	CARGO_TARGET_DIR=$(TRIBUTARY_CACHE)/target/cargo-deny cargo install --quiet --locked cargo-deny --version $(CARGO_DENY_VERSION)
	rm -rf $(TRIBUTARY_CACHE)/target/cargo-deny

unit: prerequisites ## Runs the unit and golden tests; they need nothing but cargo.
	@echo "== unit and golden tests; generated files are current"
	cargo test

# Minutes long, as a Secret travels by the kubelet's clock: it is no part of `make e2e`.
LONG := user_and_password_of_kafka_and_clickhouse_change_under_load

faults: images ## Kills the operator at each of its writes, shows it old and half worlds, and walks at random (SEED=7 chooses); rotates Secrets under load.
	@echo "== faults of the operator's surroundings"
	FAULTS=all cargo test --package operator faults:: -- --nocapture
	@echo "== Secrets that change under load"
	$(WITH_ENVIRONMENT) cargo test --package e2e --features baselines --test it -- $(LONG)

counts: prerequisites ## Counts the instructions of an event, room by room; fails when a figure grew (UPDATE=1 writes them anew).
	@echo "== instructions an event"
	cargo bench --quiet --package processor --bench line -- counts

profile: prerequisites ## Shows where the instructions of an event go, by room and function (WORKLOAD='event type is the last member', or FILE=callgrind.out.1).
	cargo bench --quiet --package processor --bench line -- $(if $(FILE),read '$(abspath $(FILE))',profile $(if $(WORKLOAD),'$(WORKLOAD)'))

crash: prerequisites ## Kills the environment again and again (one that is up goes, with its data) and ends with a new one.
	@echo "== crashes of the environment"
	$(ENVIRONMENT) crash

check: up ## Proves with pods of its own that the environment does what Tributary needs of a cluster.
	@echo "== the environment does what Tributary needs of a cluster"
	$(ENVIRONMENT) check

front: up
	@echo "== the development ClickHouse, on the real engine"
	cd e2e/clickhouse && go test ./...

chart: helm
	@echo "== the chart"
	charts/tributary/tests/run

# The chart's tests look for it in the cache, unless HELM names another.
helm: prerequisites
	@$(ENVIRONMENT) programs helm

contracts: up
	@echo "== the gateways' contract, on the real Kafka and the real ClickHouse"
	$(WITH_ENVIRONMENT)
	cargo test --package operator --features real --test real
	cargo test --package processor --features real --lib contract
	cargo test --package processor --features real --test native --test guarantee

# Threads for more trials than go at once: those that need the environment alone hold one each until the others are done.
e2e: images ## Runs the end-to-end tests on the real environment.
	@echo "== end to end"
	$(WITH_ENVIRONMENT) cargo test --package e2e --features baselines -- --test-threads=32 --skip $(LONG)

bench: PURPOSE := bench
bench: prerequisites up ## Measures the processor against its peers, side by side (QUICK=1: a short look, PART=latency: one section; docs/benchmarks.md has the rest).
	cargo build --release --package operator --bin operator --package processor --bin processor
	cargo build --release --package e2e --features baselines --bin bench --bin baseline
	$(WITH_ENVIRONMENT) $(CARGO_TARGET_DIR)/release/bench $(if $(QUICK),--quick) $(if $(PART),--part $(PART))

# Linked with the C library in it: one file that runs on any Linux of this architecture.
cli: ## Builds kubectl-tributary, one static file, and says where it is.
	cargo rustc --release --package cli --bin kubectl-tributary -- -C target-feature=+crt-static
	@echo "$$CARGO_TARGET_DIR/release/kubectl-tributary"

# The first run writes the files and fails where that made later tests stale; the second says whether all is well now.
generate: prerequisites helm ## Rewrites every generated and golden file; needs no cluster.
	UPDATE=1 cargo test --no-fail-fast || UPDATE=1 cargo test --no-fail-fast
	UPDATE=1 charts/tributary/tests/run
