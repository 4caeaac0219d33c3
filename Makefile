# One word per duty. Each is a line that can be typed by hand; what needs logic is in .ci.

.PHONY: build test race fuzz lint fmt docs bench check ci tools

build:
	go build -trimpath -o bin/ ./cmd/portcullis

test:
	go test ./...

race:
	go test -race ./...

# Every fuzz target for FUZZ seconds.
FUZZ ?= 10
fuzz:
	.ci/fuzz $(FUZZ)

lint: tools
	go vet ./...
	bin/golangci-lint run ./...

fmt: tools
	bin/golangci-lint fmt ./...

# The pages and files that are made from the program.
docs:
	go generate ./...
	mkdir -p bin
	go -C tools run ./schema > bin/config.schema.json && mv bin/config.schema.json api/config.schema.json
	go -C tools run ./schema tenant > bin/tenant.schema.json && mv bin/tenant.schema.json api/tenant.schema.json
	go -C tools run ./bundle

bench:
	go test -run '^$$' -bench . -benchmem ./...

# What to run before a commit; ci is all that the landing runs.
check: lint test

ci:
	.ci/run

# golangci-lint and benchstat, as tools/go.mod pins them.
tools:
	go -C tools build -o ../bin/ tool
