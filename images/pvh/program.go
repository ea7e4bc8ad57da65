package pvh

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
)

// segment is a piece of the image that the loader puts into memory.
type segment struct {
	data           []byte
	physical, size uint64 // size in memory, at least len(data)
	flags          elf.ProgFlag
}

// program checks a static program whose segments must lie, in ascending order,
// from base+start to base+end, and returns them with base subtracted, and the
// entry point. The kernel's loader of root relies on what is checked here.
func program(file []byte, base, start, end uint64) ([]segment, uint64, error) {
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return nil, 0, err
	}
	if f.Class != elf.ELFCLASS64 || f.Machine != elf.EM_X86_64 || f.Type != elf.ET_EXEC {
		return nil, 0, errors.New("not a static 64-bit x86 program")
	}
	var list []segment
	at, entryInside := start, false
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_LOAD:
		case elf.PT_INTERP, elf.PT_DYNAMIC:
			return nil, 0, errors.New("not a static 64-bit x86 program")
		default:
			continue
		}
		if p.Vaddr < base || p.Memsz > end || p.Vaddr-base > end-p.Memsz {
			return nil, 0, fmt.Errorf("segment at %#x is outside the program's addresses: link it with arch/overlay", p.Vaddr)
		}
		if p.Off > uint64(len(file)) || p.Filesz > uint64(len(file))-p.Off || p.Filesz > p.Memsz {
			return nil, 0, errors.New("truncated")
		}
		if p.Vaddr%pageSize != p.Off%pageSize {
			return nil, 0, fmt.Errorf("segment at %#x is not aligned to pages", p.Vaddr)
		}
		s := segment{file[p.Off : p.Off+p.Filesz], p.Vaddr - base, p.Memsz, p.Flags}
		if s.physical&^(pageSize-1) < at {
			return nil, 0, fmt.Errorf("segment at %#x overlaps what lies before it", p.Vaddr)
		}
		at = roundUp(s.physical+s.size, pageSize)
		if p.Flags&elf.PF_X != 0 && f.Entry >= p.Vaddr && f.Entry-p.Vaddr < p.Filesz {
			entryInside = true
		}
		list = append(list, s)
	}
	if !entryInside {
		return nil, 0, errors.New("the entry point is in no executable segment")
	}
	return list, f.Entry, nil
}
