package boot

import "encoding/binary"

// Page-table entry bits, SDM 3A 4.5.4.
const (
	pageSize      = 4096
	pagePresent   = 1 << 0
	pageWritable  = 1 << 1
	pageUsed      = 1<<5 | 1<<6 // accessed and dirty: nothing for the processor to set
	pageGlobal    = 1 << 8
	pageNoExecute = 1 << 63
)

// Piece is a part of the kernel in physical memory.
type Piece struct {
	Start, Size    uint64
	Write, Execute bool
}

// MakeImageTables are the page tables at ImageTables, for stub and kernel: code is not written, data
// is not executed, and nothing else is there. The pages of a piece's first and last byte are its
// own.
func MakeImageTables(kernel []Piece) []byte {
	tables := make([]byte, ImageTableCount*pageSize)
	show := func(p Piece) {
		bits := uint64(pagePresent | pageUsed | pageGlobal)
		if p.Write {
			bits |= pageWritable
		}
		if !p.Execute {
			bits |= pageNoExecute
		}
		for at := p.Start &^ (pageSize - 1); at < p.Start+p.Size; at += pageSize {
			binary.LittleEndian.PutUint64(tables[at/pageSize*8:], at|bits)
		}
	}
	show(Piece{Start: StubAddress, Size: TableAddress - StubAddress, Execute: true})
	show(Piece{Start: TableAddress, Size: ImageTables - TableAddress, Write: true}) // what the stub writes, and its stack
	for _, p := range kernel {
		show(p)
	}
	return tables
}
