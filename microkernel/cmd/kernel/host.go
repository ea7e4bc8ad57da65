//go:build !starling_kernel

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "kernel: this program boots a machine; build it with arch/overlay (starling build)")
	os.Exit(1)
}
