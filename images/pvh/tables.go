package pvh

import (
	"debug/elf"
	"encoding/binary"

	"starling/arch/amd64/boot"
)

// Page-table entry bits, SDM 3A 4.5.4.
const (
	pagePresent   = 1 << 0
	pageWritable  = 1 << 1
	pageUsed      = 1<<5 | 1<<6 // accessed and dirty: nothing for the processor to set
	pageGlobal    = 1 << 8
	pageNoExecute = 1 << 63
)

// imageTables are the lowest page tables of stub and kernel: code is not written, data
// is not executed, and nothing else is there. Pages below a segment's first and
// behind its last byte are the segment's, too.
func imageTables(segments []segment) []byte {
	tables := make([]byte, boot.ImageTableCount*pageSize)
	show := func(start, end uint64, flags elf.ProgFlag) {
		bits := uint64(pagePresent | pageUsed | pageGlobal)
		if flags&elf.PF_W != 0 {
			bits |= pageWritable
		}
		if flags&elf.PF_X == 0 {
			bits |= pageNoExecute
		}
		for at := start &^ (pageSize - 1); at < end; at += pageSize {
			binary.LittleEndian.PutUint64(tables[at/pageSize*8:], at|bits)
		}
	}
	show(boot.StubAddress, boot.TableAddress, elf.PF_R|elf.PF_X)
	show(boot.TableAddress, boot.ImageTables, elf.PF_R|elf.PF_W) // what the stub writes, and its stack
	for _, s := range segments {
		show(s.physical, s.physical+s.size, s.flags)
	}
	return tables
}
