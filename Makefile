# make run        boots the system with a shell
# make test       everything that must hold; what CI runs
# make suites     test suites of other people, fetched from Debian: hours
# make bench      instructions per operation
# make generate   the files that are generated from others
# make            builds bin/starling

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

RUN  = qemu-system-x86_64=qemu-system-x86 busybox=busybox-static
TEST = $(RUN) as=binutils gcc=gcc musl-gcc=musl-tools flatc=flatbuffers-compiler strip=binutils

.PHONY: starling run test suites bench generate check clean

starling: go
	@go build -o bin/starling ./cmd/starling

.PHONY: go
go:
	@scripts/need-go

run: starling
	@scripts/need $(RUN)
	@bin/starling run

test: starling
	@scripts/need $(TEST)
	@$(MAKE) --no-print-directory check
	go test -timeout 25m ./...
	go test -tags starling_observed -run TestEveryTransition ./test/sim

suites: starling
	@scripts/need $(TEST) dpkg-source=dpkg-dev
	go test -tags suites -timeout 5h -v ./test/suites

check:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	  [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

bench: starling
	@scripts/need $(RUN) musl-gcc=musl-tools
	@bin/starling bench $(ARGS)

generate: go
	@scripts/need flatc=flatbuffers-compiler as=binutils musl-gcc=musl-tools
	go generate ./...
	gofmt -w $$(git ls-files '*.go')

clean:
	rm -rf bin build
