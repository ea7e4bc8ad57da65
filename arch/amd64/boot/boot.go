// Package boot is the way from power-on to the kernel's Go entry on amd64: the
// stub that leaves the 32-bit PVH entry for long mode and the high half, and the
// boot table through which the image composer speaks to stub, runtime and kernel.
//
// The composer (host) encodes the table; the kernel reads it with Read. The
// package imports nothing of the project.
package boot

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"unsafe"
)

//go:generate sh -c "cd stub && ./build.sh"

// Stub is the boot stub: a flat binary that runs at StubAddress. Generated from
// stub/stub.S.
//
//go:embed stub/stub.bin
var Stub []byte

// Physical addresses of what the stub uses; stub.S has the same numbers.
const (
	StubAddress  = 0x100000
	TableAddress = 0x101000
	// StackTop is the end of the stub's page tables and of the first stack,
	// which stays in use as the stack of the Go scheduler.
	StackTop = 0x130000
	// ImageTables are the lowest page tables of the image, from ImageBase on, behind the stack.
	ImageTables     = 0x130000
	ImageTableCount = 16
	StubEnd         = ImageTables + ImageTableCount*4096
)

// Virtual addresses of what the stub maps.
const (
	DirectMap     = 0xffff800000000000 // physical address 0; 4 GiB
	DirectMapSize = 4 << 30
	DeviceStart   = 3 << 30            // uncached in the direct map from this physical address on
	HeapWindow    = 0xffffff0000000000 // kernel heap
	ImageBase     = 0xffffffff80000000 // physical address 0: stub and kernel
	ImageSize     = ImageTableCount * (2 << 20)
)

// Magic begins the boot table: "STARLBT1" in memory order.
const Magic = 0x3154424c52415453

// Version is raised whenever a field of Table moves.
const Version = 1

// FlagSeed says that Seed was given and is not to be made up.
const FlagSeed = 1

// Table is the boot table, in its own page at TableAddress. All addresses are
// physical and in bytes.
type Table struct {
	Magic   uint64
	Version uint32
	Size    uint32 // bytes of this struct
	Sum     uint32 // CRC-32 (IEEE) of the fields up to Seed, with Sum zero
	_       uint32

	Entry       uint64 // virtual address of the kernel's entry point
	KernelStart uint64
	KernelEnd   uint64 // with bss, page-aligned
	BundleStart uint64 // see package ipc/bundle; page-aligned
	BundleSize  uint64
	HeapStart   uint64 // 2 MiB-aligned
	HeapSize    uint64 // a multiple of 2 MiB
	Flags       uint64
	Seed        [2]uint64 // always valid once the stub has run

	// Filled by the stub.
	StartInfo uint64 // hvm_start_info of the PVH ABI
	BootTicks uint64 // time stamp counter at entry
}

const (
	_ = uint(TableAddress - StubAddress - 4096) // the table begins after the stub's page
	_ = -(unsafe.Offsetof(Table{}.Seed) ^ 88)   // the runtime port knows the offsets
)

// Errors of Read.
var (
	ErrNoTable = errors.New("boot image damaged: no boot table")
	ErrVersion = errors.New("boot image damaged: boot table of another version")
	ErrSum     = errors.New("boot image damaged: checksum of the boot table does not match")
)

// Encode is the page that the composer puts at TableAddress.
func (t Table) Encode() []byte {
	t.Magic, t.Version, t.Size, t.Sum = Magic, Version, uint32(unsafe.Sizeof(t)), 0
	t.StartInfo, t.BootTicks = 0, 0
	page := make([]byte, 4096)
	t.put(page)
	binary.LittleEndian.PutUint32(page[unsafe.Offsetof(t.Sum):], t.sum())
	return page
}

func (t *Table) put(b []byte) {
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(*t)))
}

// sum leaves out what the stub writes.
func (t Table) sum() uint32 {
	t.Sum = 0
	var b [unsafe.Sizeof(Table{})]byte
	t.put(b[:])
	return crc32.ChecksumIEEE(b[:unsafe.Offsetof(t.Seed)])
}

// Decode checks a table and returns a copy of it.
func Decode(b []byte) (Table, error) {
	var t Table
	if len(b) < int(unsafe.Sizeof(t)) {
		return t, ErrNoTable
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&t)), unsafe.Sizeof(t)), b)
	switch {
	case t.Magic != Magic:
		return t, ErrNoTable
	case t.Version != Version || t.Size != uint32(unsafe.Sizeof(t)):
		return t, ErrVersion
	case t.Sum != t.sum():
		return t, ErrSum
	}
	return t, nil
}
