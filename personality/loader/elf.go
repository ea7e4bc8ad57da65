package loader

import (
	"debug/elf"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/ipc"
)

// File is the executable.
type File interface {
	// ReadAt fills b from offset; fewer bytes only at the end of the file.
	ReadAt(b []byte, offset int64) (int, unix.Errno)
}

// Limits of what is accepted, as in Linux's fs/binfmt_elf.c.
const (
	headerSize  = 64
	programSize = 56
	// maxProgramHeaders bounds the table to 64 KiB.
	maxProgramHeaders = 65536 / programSize
)

// Segment is a PT_LOAD entry.
type Segment struct {
	Address  uint64 // virtual address before the load bias
	Offset   uint64 // in the file; congruent to Address modulo the page size
	FileSize uint64
	MemSize  uint64 // ≥ FileSize; the rest is zero
	Access   ipc.Access
}

// Image is what an ELF file asks for.
type Image struct {
	// Relocatable files (ET_DYN: PIE, interpreters) may be loaded with any bias.
	Relocatable bool
	Entry       uint64 // before the load bias
	Segments    []Segment
	// Low and High bound the pages of all segments.
	Low, High uint64
	// Align is the largest alignment that a segment asks for, at least the page size.
	Align uint64
	// Headers is the virtual address of the program headers (AT_PHDR), before the
	// bias, and HeaderCount their number.
	Headers     uint64
	HeaderCount int
	// Interpreter is the path from PT_INTERP, empty if there is none.
	Interpreter string
	// ExecutableStack: PT_GNU_STACK asks for one, or is missing.
	ExecutableStack bool
}

// ParseELF reads and checks the headers of an executable for the machine, or of
// its interpreter. limit is the first address that programs may not use.
// Errors: ENOEXEC for what is no executable of ours, EINVAL for segments that
// cannot be mapped, EIO for a table past the end of the file, ENOMEM for addresses past the limit.
func ParseELF(f File, machine elf.Machine, limit uint64) (*Image, unix.Errno) {
	var h [headerSize]byte
	if n, e := f.ReadAt(h[:], 0); e != 0 {
		return nil, e
	} else if n < headerSize {
		return nil, unix.ENOEXEC
	}
	le := binary.LittleEndian
	kind := elf.Type(le.Uint16(h[16:]))
	switch {
	case string(h[:4]) != elf.ELFMAG,
		elf.Class(h[4]) != elf.ELFCLASS64, elf.Data(h[5]) != elf.ELFDATA2LSB,
		kind != elf.ET_EXEC && kind != elf.ET_DYN,
		elf.Machine(le.Uint16(h[18:])) != machine,
		le.Uint16(h[54:]) != programSize:
		return nil, unix.ENOEXEC
	}
	count := int(le.Uint16(h[56:]))
	if count < 1 || count > maxProgramHeaders {
		return nil, unix.ENOEXEC
	}
	tableOffset := le.Uint64(h[32:])
	if tableOffset > 1<<62 {
		return nil, unix.EINVAL
	}
	table := make([]byte, count*programSize)
	if n, e := f.ReadAt(table, int64(tableOffset)); e != 0 {
		return nil, e
	} else if n < len(table) {
		return nil, unix.EIO
	}

	m := &Image{
		Relocatable: kind == elf.ET_DYN, Entry: le.Uint64(h[24:]), HeaderCount: count,
		Low: ^uint64(0), Align: ipc.PageSize, ExecutableStack: true,
	}
	for ; len(table) > 0; table = table[programSize:] {
		if e := m.program(f, table[:programSize], tableOffset, limit); e != 0 {
			return nil, e
		}
	}
	if len(m.Segments) == 0 {
		return nil, unix.ENOEXEC
	}
	return m, 0
}

// program takes in one program header.
func (m *Image) program(f File, p []byte, tableOffset, limit uint64) unix.Errno {
	le := binary.LittleEndian
	kind, flags := elf.ProgType(le.Uint32(p)), elf.ProgFlag(le.Uint32(p[4:]))
	offset, address := le.Uint64(p[8:]), le.Uint64(p[16:])
	fileSize, memSize, align := le.Uint64(p[32:]), le.Uint64(p[40:]), le.Uint64(p[48:])
	switch kind {
	case elf.PT_INTERP:
		if m.Interpreter != "" {
			return 0 // only the first counts
		}
		if fileSize < 2 || fileSize > unix.PathMax || offset > 1<<62 {
			return unix.ENOEXEC
		}
		b := make([]byte, fileSize)
		if n, e := f.ReadAt(b, int64(offset)); e != 0 {
			return e
		} else if n < len(b) {
			return unix.EIO
		}
		if b[len(b)-1] != 0 {
			return unix.ENOEXEC
		}
		for i, c := range b {
			if c == 0 {
				b = b[:i]
				break
			}
		}
		m.Interpreter = string(b)
	case elf.PT_GNU_STACK:
		m.ExecutableStack = flags&elf.PF_X != 0
	case elf.PT_LOAD:
		if memSize == 0 {
			return 0
		}
		switch {
		case fileSize > memSize, address%ipc.PageSize != offset%ipc.PageSize, offset > 1<<62, fileSize > 1<<62:
			return unix.EINVAL
		case address >= limit, memSize > limit, address > limit-memSize:
			return unix.ENOMEM
		}
		low := address &^ (ipc.PageSize - 1)
		high := (address + memSize + ipc.PageSize - 1) &^ (ipc.PageSize - 1)
		if high > limit {
			return unix.ENOMEM
		}
		s := Segment{Address: address, Offset: offset, FileSize: fileSize, MemSize: memSize}
		for _, a := range [...]struct {
			flag   elf.ProgFlag
			access ipc.Access
		}{{elf.PF_R, ipc.Read}, {elf.PF_W, ipc.Write}, {elf.PF_X, ipc.Execute}} {
			if flags&a.flag != 0 {
				s.Access |= a.access
			}
		}
		m.Segments = append(m.Segments, s)
		m.Low, m.High = min(m.Low, low), max(m.High, high)
		if align&(align-1) == 0 && align > m.Align && align <= 1<<30 {
			m.Align = align
		}
		if offset <= tableOffset && tableOffset < offset+fileSize {
			m.Headers = tableOffset - offset + address
		}
	}
	return 0
}
