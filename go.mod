module starling

go 1.26.8

require (
	github.com/google/flatbuffers v25.12.19+incompatible
	github.com/google/go-cmp v0.7.0
	golang.org/x/sys v0.49.0
)

require (
	golang.org/x/term v0.45.0 // indirect
	mvdan.cc/sh/v3 v3.14.1 // indirect
)

require (
	github.com/cilium/ebpf v0.22.0
	golang.org/x/arch v0.32.0
	pgregory.net/rapid v1.3.0 // indirect
)

require (
	github.com/cavaliergopher/cpio v1.0.1 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/cobra v1.10.2 // indirect
	github.com/spf13/pflag v1.0.10 // indirect
	github.com/usbarmory/tamago v1.26.5 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
	runtime/goos v0.0.0
)

replace runtime/goos => ./arch/overlay/goos
