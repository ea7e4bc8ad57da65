package microkernel

import (
	"bytes"
	"debug/elf"
	"fmt"
	"unsafe"

	"starling/arch/cpu"
)

// load maps the segments of root's program file: pages that are not written stay
// where they are in the boot image, the others are copied.
func (s *starter) load(sp *space, image []byte) (entry uint64, err error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, err
	}
	if file.Class != elf.ELFCLASS64 || uint16(file.Machine) != cpu.ELFMachine || file.Type != elf.ET_EXEC {
		return 0, fmt.Errorf("not a static program for this machine")
	}
	for _, p := range file.Progs {
		if p.Type != elf.PT_LOAD || p.Memsz == 0 {
			continue
		}
		start := p.Vaddr &^ (cpu.PageSize - 1)
		pages := (p.Vaddr - start + p.Memsz + cpu.PageSize - 1) / cpu.PageSize
		size := uint64(len(image))
		if p.Filesz > p.Memsz || p.Memsz > cpu.UserLimit || !userRange(start, pages) || p.Off > size || p.Filesz > size-p.Off ||
			p.Off%cpu.PageSize != p.Vaddr%cpu.PageSize {
			return 0, fmt.Errorf("segment at %#x: bad size or place", p.Vaddr)
		}
		from := cpu.Address(pointer(&image[0])) + p.Off - p.Vaddr%cpu.PageSize
		r := cpu.Rights{Write: p.Flags&elf.PF_W != 0, Execute: p.Flags&elf.PF_X != 0}
		if r.Write || p.Filesz < p.Memsz {
			from = s.take(pages, 1)
			if s.short {
				return 0, errNoMemory
			}
			memory := unsafe.Slice((*byte)(cpu.Physical(from)), pages*cpu.PageSize)
			copy(memory[p.Vaddr%cpu.PageSize:], image[p.Off:p.Off+p.Filesz])
		}
		if e := changed(sp.table.MapRange(start, from, pages, r, &s.k.pool)); e != 0 {
			return 0, e
		}
	}
	if file.Entry >= cpu.UserLimit {
		return 0, fmt.Errorf("entry point %#x", file.Entry)
	}
	return file.Entry, nil
}
