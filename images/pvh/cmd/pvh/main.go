// Command pvh composes a boot image by hand:
//
//	pvh -kernel KERNEL.elf -o IMAGE [-heap MIB] [-seed N] [NAME=FILE ...]
//
// and with -verify IMAGE checks one.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"starling/images/pvh"
	"starling/ipc/bundle"
)

func main() {
	kernel := flag.String("kernel", "", "kernel ELF `file`")
	out := flag.String("o", "", "image `file` to write")
	heap := flag.Uint64("heap", pvh.DefaultKernelHeap>>20, "kernel heap in `MiB`")
	seed := flag.Uint64("seed", 0, "seed of every random choice; 0: a different one at every boot")
	verify := flag.String("verify", "", "check this image `file` instead")
	flag.Parse()
	err := error(nil)
	if *verify != "" {
		err = check(*verify)
	} else {
		err = compose(*kernel, *out, *heap<<20, *seed, flag.Args())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pvh:", err)
		os.Exit(1)
	}
}

func check(name string) error {
	image, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	b, err := pvh.Verify(image)
	if err != nil {
		return err
	}
	for _, e := range b.Entries {
		fmt.Printf("%10d  %08x  %s\n", e.Size, e.Sum, e.Name)
	}
	return nil
}

func compose(kernel, out string, heap, seed uint64, args []string) error {
	if kernel == "" || out == "" {
		return fmt.Errorf("-kernel and -o are needed")
	}
	in := pvh.Image{KernelHeap: heap}
	if seed != 0 {
		in.Seed = &[2]uint64{seed, ^seed}
	}
	var err error
	if in.Kernel, err = os.ReadFile(kernel); err != nil {
		return err
	}
	for _, a := range args {
		name, file, ok := strings.Cut(a, "=")
		if !ok {
			return fmt.Errorf("%q: want NAME=FILE", a)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		in.Files = append(in.Files, bundle.File{Name: name, Data: data})
	}
	image, l, err := pvh.Compose(in)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d KiB, kernel %#x-%#x, files %#x-%#x, kernel heap %#x-%#x\n", out, l.FileSize>>10,
		l.KernelStart, l.KernelEnd, l.BundleStart, l.BundleStart+l.BundleSize, l.HeapStart, l.HeapStart+l.HeapSize)
	return os.WriteFile(out, image, 0o644)
}
