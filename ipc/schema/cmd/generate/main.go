// Generate makes everything that follows from the schemas:
//
//   - the accessors of each wire in ipc/<namespace>, by flatc,
//   - the Go structs of each personality's state, for wire.Codec,
//   - the descriptions that package wire checks messages with, for every
//     schema that has a root table,
//   - the asserts that tie the Go structs of ipc/frame to their schema.
//
// Usage: go run ./ipc/schema/cmd/generate [-root DIR] [-check]
//
// With -check it writes nothing and fails when a file would change.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	root := flag.String("root", ".", "root of the source tree")
	check := flag.Bool("check", false, "only say what is not fresh")
	flag.Parse()
	files, err := Generate(*root)
	if err == nil && *check {
		err = Check(*root, files)
	} else if err == nil {
		err = Write(*root, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
