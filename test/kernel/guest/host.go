//go:build !starling_server

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "guest: this program boots in place of root; test/kernel builds and boots it")
	os.Exit(1)
}
