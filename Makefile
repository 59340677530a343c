# SPDX-License-Identifier: Apache-2.0
#
# `make` alone prints help. Every tool is pinned in tools.mod and built by Go,
# so that nothing has to be installed first but Go, make and git.

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -ec
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help

# What can be set on the command line, e.g. `make fuzz FUZZTIME=5m`.
CONFIG    ?= config.yaml
PKG       ?= ./...
TESTFLAGS ?=
FUZZTIME  ?= 30s
BENCH     ?= .
COUNT     ?= 6
GO        ?= go

TOOL          := $(GO) tool -modfile=$(CURDIR)/tools.mod
GOLANGCI_LINT ?= $(TOOL) golangci-lint
CONTAINER     ?= $(firstword $(shell command -v docker podman))
CA_BUNDLE     ?= $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem))

# One version for both binaries: the one in the manifest.
VERSION := $(shell sed -n 's/^  version: *//p' builder-config.yaml)
LDFLAGS := -s -w
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false

# The race detector needs a C compiler. A machine that has none still tests.
RACE := $(if $(shell command -v $${CC:-cc}),-race)
TEST := $(GO) test $(RACE) -shuffle=on -timeout 15m

# What the binaries are made of: a change to any of it builds them again.
SOURCES := $(shell find . -name bin -prune -o -name dist -prune -o -name data -prune -o -name .git -prune \
             -o \( -name '*.go' -not -name '*_test.go' -o -name go.mod -o -name go.sum \) -print)

.PHONY: help
help:
	@printf 'Homeostat %s: a Collector with reflexes\n' '$(VERSION)'
	@awk 'BEGIN { FS = ": .*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", substr($$1, 1, index($$1 ":", ":") - 1), $$2 }' $(MAKEFILE_LIST)

##@ Use it

.PHONY: run
run: build ## build, then watch this host with config.yaml (CONFIG=file for another)
	bin/otelcol-homeostat --config $(CONFIG)

.PHONY: demo
demo: build ## inject three real faults on this machine and watch them being repaired
	bin/homeostatctl demo

##@ Build it

.PHONY: build
build: bin/otelcol-homeostat bin/homeostatctl ## bin/otelcol-homeostat and bin/homeostatctl

bin/otelcol-homeostat: $(SOURCES)
	@mkdir -p bin
	cd cmd/otelcol-homeostat && $(BUILD) -ldflags '$(LDFLAGS)' -o $(CURDIR)/$@ .

bin/homeostatctl: $(SOURCES) builder-config.yaml
	@mkdir -p bin
	$(BUILD) -ldflags '$(LDFLAGS) -X main.version=$(VERSION)' -o $@ ./cmd/homeostatctl

.PHONY: build-full
build-full: ## bin/otelcol-homeostat-full from builder-config.full.yaml
	@mkdir -p bin
	cd cmd/otelcol-homeostat-full && $(BUILD) -ldflags '$(LDFLAGS)' -o $(CURDIR)/bin/otelcol-homeostat-full .

.PHONY: image
image: build ## a container image of the two binaries and nothing else (needs docker or podman)
	@test -n '$(CONTAINER)' || { echo 'make image needs docker or podman'; exit 1; }
	@test -n '$(CA_BUNDLE)' || { echo 'make image needs CA certificates: set CA_BUNDLE to a file of them'; exit 1; }
	rm -rf dist/image && mkdir -p dist/image/state
	cp bin/otelcol-homeostat bin/homeostatctl config.yaml dist/image/
	cp $(CA_BUNDLE) dist/image/ca-certificates.crt
	$(CONTAINER) build -f deploy/docker/Dockerfile -t homeostat:$(VERSION) dist/image

##@ Test it

.PHONY: test
test: build ## every test, shuffled, with the race detector; what needs root or a tool says so and skips
	$(TEST) $(TESTFLAGS) $(PKG)

.PHONY: e2e
e2e: build ## of those, the ones around the built binary: kill -9, reload, real OTLP
	$(TEST) -count=1 $(TESTFLAGS) ./internal/e2e/...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (30s), two at a time
	@grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' --exclude-dir=bin --exclude-dir=dist . | sort | \
	while read -r file; do \
		sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$$file" | while read -r target; do echo "$$(dirname "$$file") $$target"; done; \
	done | xargs -r -n 2 -P 2 bash -ec '\
		log=$$(mktemp); trap "rm -f $$log" EXIT; \
		if $(GO) test -run "^$$" -fuzz "^$$2\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime=20x -parallel 1 "$$1" >"$$log" 2>&1; \
		then echo "fuzz $$1 $$2: $(FUZZTIME) without a finding"; \
		else cat "$$log"; echo "fuzz $$1 $$2: FAILED"; exit 255; fi' fuzz

.PHONY: bench
bench: ## benchmarks, COUNT (6) times, summed up; BASE=file compares with an earlier run
	@mkdir -p bin
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count=$(COUNT) $(PKG) | tee bin/bench.txt
	$(TOOL) benchstat $(BASE) bin/bench.txt

##@ Keep it clean

.PHONY: check
check: lint vet fresh fuzz ## lint, vet, fresh and fuzz: what a change must pass besides make test

.PHONY: lint
lint: ## golangci-lint with .golangci.yml
	$(GOLANGCI_LINT) config verify
	$(GOLANGCI_LINT) run

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: fmt
fmt: ## format as lint asks for
	$(GOLANGCI_LINT) fmt

.PHONY: generate
generate: ## the distribution's sources from builder-config.yaml, components' code from metadata.yaml
	$(TOOL) builder --config builder-config.yaml --skip-compilation --skip-get-modules
	$(TOOL) builder --config builder-config.full.yaml --skip-compilation --skip-get-modules
	$(GO) generate ./...

# Compares the tree before and after, so that it also works amid changes.
.PHONY: fresh
fresh: ## fail when generate changes anything
	@state() { git diff HEAD; git ls-files --others --exclude-standard -z | xargs -0 -r sha256sum; }; \
	before=$$(state | sha256sum); $(MAKE) generate; \
	if [ "$$before" != "$$(state | sha256sum)" ]; then \
		git status --short; echo 'generated files were stale: review and commit what make generate changed'; exit 1; fi

.PHONY: modules
modules: ## resolve modules again after a change of go.mod or a manifest (needs the network)
	$(GO) mod tidy
	$(TOOL) builder --config builder-config.yaml --skip-compilation
	$(TOOL) builder --config builder-config.full.yaml --skip-compilation

.PHONY: clean
clean: ## remove what make built
	rm -rf bin dist
