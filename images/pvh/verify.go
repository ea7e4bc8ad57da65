package pvh

import (
	"bytes"
	"debug/elf"
	"fmt"

	"starling/arch/amd64/boot"
	"starling/ipc/bundle"
)

// Verify checks a boot image as its own stub and kernel would, and beyond that
// the checksum of every file, and returns the bundle. Every error wraps
// bundle.ErrDamaged.
func Verify(image []byte) (*bundle.Bundle, error) {
	damaged := func(err error) error { return fmt.Errorf("%w: %w", bundle.ErrDamaged, err) }
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, damaged(err)
	}
	at := func(physical uint64) []byte {
		for _, p := range f.Progs {
			if p.Type == elf.PT_LOAD && physical >= p.Paddr && physical-p.Paddr < p.Filesz &&
				p.Off <= uint64(len(image)) && p.Filesz <= uint64(len(image))-p.Off {
				return image[p.Off+physical-p.Paddr : p.Off+p.Filesz]
			}
		}
		return nil
	}
	if !bytes.HasPrefix(at(boot.StubAddress), boot.Stub) {
		return nil, damaged(fmt.Errorf("the boot stub is not the one of this build"))
	}
	t, err := boot.Decode(at(boot.TableAddress))
	if err != nil {
		return nil, damaged(err)
	}
	b, err := bundle.Parse(at(t.BundleStart))
	if err != nil {
		return nil, err
	}
	for _, e := range b.Entries {
		if err := b.Verify(e); err != nil {
			return nil, err
		}
	}
	return b, nil
}
