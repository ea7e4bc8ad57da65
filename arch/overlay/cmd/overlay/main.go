// Command overlay builds one program for bare metal:
//
//	overlay -profile kernel|server -o FILE PACKAGE
//
// or, without a package, only writes the overlay and prints its path.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"starling/arch/overlay"
)

func main() {
	profile := flag.String("profile", "kernel", "`kernel` or server")
	goarch := flag.String("goarch", "amd64", "instruction set")
	out := flag.String("o", "", "ELF `file` to write")
	flag.Parse()
	if err := do(overlay.Profile(*profile), *goarch, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func do(p overlay.Profile, goarch, out string, args []string) error {
	switch {
	case len(args) == 1 && out != "":
		b := overlay.Builder{GOARCH: goarch}
		return b.Build(p, args[0], out)
	case len(args) > 0:
		return fmt.Errorf("overlay: want one package and -o FILE")
	}
	t, err := overlay.FindToolchain("")
	if err != nil {
		return err
	}
	if err := t.CheckVersion(); err != nil {
		return err
	}
	o, err := overlay.Generate(t.GOROOT, p, goarch)
	if err != nil {
		return err
	}
	file, err := o.Write(filepath.Join(filepath.Dir(t.GOMOD), "build", "_overlay", string(p)+"_"+goarch))
	if err != nil {
		return err
	}
	fmt.Println(file)
	return nil
}
