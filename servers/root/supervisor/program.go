package supervisor

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"sort"

	"starling/ipc"
	"starling/ipc/relay"
)

// A server's program lies between these addresses.
const (
	lowestAddress = ipc.RelayAddress + ipc.PageSize*uint64(relay.Pages)
	programLimit  = ipc.HeapAddress
	// maxProgram bounds the memory of one program in bytes.
	maxProgram  = 256 << 20
	maxSegments = 16
)

// segment is one loadable segment, checked: page-aligned addresses, bytes within the file.
type segment struct {
	address uint64 // page-aligned
	pages   uint64
	access  ipc.Access
	// The bytes [fileOffset, fileOffset+fileSize) of the file go to address+lead;
	// the rest is zero.
	lead, fileOffset, fileSize uint64
}

// shared reports that the segment can be mapped from the boot image as it is:
// nobody writes to it, and it has no zeros of its own past the file's bytes.
// What follows in its last page are other bytes of the same file.
func (s *segment) shared() bool {
	return s.access&ipc.Write == 0 && pagesOf(s.lead+s.fileSize) == s.pages && s.fileOffset >= s.lead && (s.fileOffset-s.lead)%pageSize == 0
}

// program is a checked ELF file.
type program struct {
	entry    uint64
	segments []segment
}

// parseProgram checks a server's ELF file: static, 64 bits, segments in order
// and apart from each other, within the addresses of a server.
func parseProgram(file []byte) (*program, error) {
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("no ELF file: %w", err)
	}
	if f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB || f.Type != elf.ET_EXEC {
		return nil, fmt.Errorf("not a static 64-bit little-endian program but %v %v %v", f.Class, f.Data, f.Type)
	}
	p := &program{entry: f.Entry}
	for _, h := range f.Progs {
		switch h.Type {
		case elf.PT_INTERP, elf.PT_DYNAMIC:
			return nil, errors.New("dynamically linked")
		case elf.PT_LOAD:
		default:
			continue
		}
		if h.Memsz == 0 {
			continue
		}
		s, err := parseSegment(h.ProgHeader, uint64(len(file)))
		if err != nil {
			return nil, err
		}
		p.segments = append(p.segments, s)
	}
	return p, p.check()
}

func parseSegment(h elf.ProgHeader, fileSize uint64) (segment, error) {
	var s segment
	switch {
	case h.Filesz > h.Memsz || h.Memsz > maxProgram:
		return s, fmt.Errorf("segment of %d bytes with %d in the file", h.Memsz, h.Filesz)
	case h.Off > fileSize || h.Filesz > fileSize-h.Off:
		return s, errors.New("a segment reaches past the end of the file")
	case h.Vaddr < lowestAddress || h.Vaddr >= programLimit:
		return s, fmt.Errorf("segment at %#x, outside of a server's program area", h.Vaddr)
	}
	s.lead = h.Vaddr % pageSize
	s.address = h.Vaddr - s.lead
	s.pages = pagesOf(s.lead + h.Memsz)
	s.fileOffset, s.fileSize = h.Off, h.Filesz
	if h.Flags&elf.PF_R != 0 {
		s.access |= ipc.Read
	}
	if h.Flags&elf.PF_W != 0 {
		s.access |= ipc.Read | ipc.Write
	}
	if h.Flags&elf.PF_X != 0 {
		s.access |= ipc.Read | ipc.Execute
	}
	if s.access&ipc.Write != 0 && s.access&ipc.Execute != 0 {
		return s, fmt.Errorf("segment at %#x is both writable and executable", h.Vaddr)
	}
	return s, nil
}

func (p *program) check() error {
	if len(p.segments) == 0 || len(p.segments) > maxSegments {
		return fmt.Errorf("%d segments", len(p.segments))
	}
	sort.Slice(p.segments, func(i, j int) bool { return p.segments[i].address < p.segments[j].address })
	entry := false
	end := uint64(0)
	for i := range p.segments {
		s := &p.segments[i]
		if s.address < end {
			return fmt.Errorf("segments share the page at %#x", s.address)
		}
		end = s.address + s.pages*pageSize
		entry = entry || s.access&ipc.Execute != 0 && p.entry >= s.address+s.lead && p.entry < s.address+s.lead+s.fileSize
	}
	if !entry {
		return fmt.Errorf("entry point %#x is not in an executable segment", p.entry)
	}
	return nil
}

// privatePages is how many pages an instance needs of its own.
func (p *program) privatePages() (pages uint64) {
	for i := range p.segments {
		if !p.segments[i].shared() {
			pages += p.segments[i].pages
		}
	}
	return pages
}
