// Package corefile builds ELF core files (core(5), elf(5)): what gdb and others read of a
// process that a signal has ended. It knows the format only; which memory and which
// registers go in is for others to say. It imports nothing of the project.
package corefile

import (
	"debug/elf"
	"encoding/binary"
)

// Segment is a piece of the address space: where it was, what could be done there, and how
// many of its bytes are in the file.
type Segment struct {
	Start, End, Size     uint64
	Read, Write, Execute bool
}

// Sizes of ELF structures of 64 bits.
const (
	headerSize  = 64
	programSize = 56
)

var le = binary.LittleEndian

// Head is all of a core file that comes before the first segment's bytes: header, program
// headers and notes, filled up to a whole page. The segments follow one right after the
// other.
func Head(machine elf.Machine, pageSize uint64, notes []byte, segments []Segment) []byte {
	count := len(segments) + 1
	at := uint64(headerSize + count*programSize)
	data := (at + uint64(len(notes)) + pageSize - 1) / pageSize * pageSize
	b := make([]byte, 0, data)

	b = append(b, elf.ELFMAG...)
	b = append(b, byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT), byte(elf.ELFOSABI_NONE))
	b = append(b, make([]byte, elf.EI_NIDENT-len(b))...)
	b = le.AppendUint16(b, uint16(elf.ET_CORE))
	b = le.AppendUint16(b, uint16(machine))
	b = le.AppendUint32(b, uint32(elf.EV_CURRENT))
	b = append64(b, 0, headerSize, 0) // entry, program headers, section headers
	b = le.AppendUint32(b, 0)
	for _, v := range []int{headerSize, programSize, count, 0, 0, 0} {
		b = le.AppendUint16(b, uint16(v))
	}

	b = program(b, elf.PT_NOTE, 0, at, 0, uint64(len(notes)), 0, 4)
	for i := range segments {
		s := &segments[i]
		b = program(b, elf.PT_LOAD, s.flags(), data, s.Start, s.Size, s.End-s.Start, pageSize)
		data += s.Size
	}
	b = append(b, notes...)
	return append(b, make([]byte, cap(b)-len(b))...)
}

func (s *Segment) flags() (f elf.ProgFlag) {
	if s.Read {
		f |= elf.PF_R
	}
	if s.Write {
		f |= elf.PF_W
	}
	if s.Execute {
		f |= elf.PF_X
	}
	return f
}

func program(b []byte, kind elf.ProgType, flags elf.ProgFlag, offset, address, size, memory, align uint64) []byte {
	b = le.AppendUint32(b, uint32(kind))
	b = le.AppendUint32(b, uint32(flags))
	return append64(b, offset, address, 0, size, memory, align)
}

func append64(b []byte, values ...uint64) []byte {
	for _, v := range values {
		b = le.AppendUint64(b, v)
	}
	return b
}
