# The commands people type: make demo, make test. `make help` lists the rest.

VERSION := 0.1.0
GO      ?= go
CACHE   := $(CURDIR)/.cache
LINT    := $(CACHE)/bin/golangci-lint-2.15.0

# Nothing of the machine, the folder or the moment gets into the binary: the
# same sources and the same Go make the same bytes.
export CGO_ENABLED = 0
# Everywhere, so that a package is compiled once for the program, the tests and the linter.
export GOFLAGS := $(GOFLAGS) -trimpath
# A call ends before it would collect garbage once, and Go 1.26's new collector puts a page in place for each size of object
# all the same: a tenth of a call's start. Later versions no longer know the word.
EXPERIMENT := $(if $(findstring go1.26,$(shell $(GO) env GOVERSION 2>/dev/null)),nogreenteagc)
BUILD := GOEXPERIMENT=$(EXPERIMENT) $(GO) build -buildvcs=false -ldflags '-s -w -buildid= -X main.version=$(VERSION)'

.PHONY: build demo test test-xen test-xen-smoke lint bench fuzz deps deps-test deps-xen clean help

help:
	@echo 'make demo      build vifctl and watch it work in a pretend dom0 (all of it: bin/vifctl-lab --all)'
	@echo 'make test      everything that proves it, but for the real Xen'
	@echo 'make test-xen  the same binary under a real Xen, emulated; make test-xen-smoke tells the first stories only'
	@echo 'make lint      style and the rules of the house'
	@echo 'make bench     beside the scripts of Debian'
	@echo 'make build     bin/vifctl, bin/vif-hook and bin/vifctl-lab, static'

build:
	@command -v $(GO) >/dev/null || { echo 'vifctl is built with Go 1.26 or later: https://go.dev/dl/' >&2; exit 1; }
	$(BUILD) -o bin/ ./cmd/vifctl ./cmd/vif-hook ./cmd/vifctl-lab

demo: build
	@bin/vifctl-lab

# tests/deps installs what is missing when it may, and names it when it may not.
deps-test:
	@tests/deps test

deps-xen:
	@tests/deps xen

PACKAGES := ./...

# What go test's own vet looks for, make lint does.
test: build deps-test
	$(GO) test -vet=off -count=1 -timeout "$$($(GO) run ./tests/speed/limit 6m)" $(PACKAGES)
	@tests/reproducible

test-xen: build deps-xen
	$(GO) test -tags xen -vet=off -count=1 -timeout 0 -v ./tests/xen

# The calls that a real xl made, once more, and the stories that a change most likely breaks.
test-xen-smoke: build deps-xen
	$(GO) test -tags xen -vet=off -count=1 -timeout 0 -v ./tests/xen -smoke

$(LINT):
	@mkdir -p $(@D)
	GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@mv $(@D)/golangci-lint $@

lint: $(LINT)
	$(LINT) run --allow-parallel-runners ./...

bench: build deps-test
	$(GO) run ./tests/bench
	$(GO) run ./tests/bench/watcher
	$(GO) run ./tests/bench/firewall

clean:
	rm -rf bin .cache
