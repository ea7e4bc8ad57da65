package boot

import "unsafe"

// Physical is a piece of physical memory below 4 GiB as seen through the direct
// map. It works in the kernel only.
func Physical(address, size uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(DirectMap+address))), size)
}

// Read is the boot table of the running kernel.
func Read() (Table, error) {
	return Decode(Physical(TableAddress, 4096))
}

// Region is one entry of the machine's memory map.
type Region struct {
	Start, Size uint64
	RAM         bool
}

// MaxRegions is how many entries of a memory map are looked at.
const MaxRegions = 128

// The start info of the PVH ABI (Xen, xen/include/public/arch-x86/hvm/start_info.h).
const (
	startInfoMagic   = 0x336ec578
	startInfoVersion = 4
	startInfoMap     = 40
	startInfoEntries = 48
	mapEntrySize     = 24
	mapTypeRAM       = 1
)

// MemoryMap is the memory map that the machine passed to the stub, in its order.
// It reads physical memory and so works in the kernel only.
func (t *Table) MemoryMap() []Region {
	if t.StartInfo >= DirectMapSize-4096 {
		return nil
	}
	info := Physical(t.StartInfo, 56)
	if get32(info) != startInfoMagic || get32(info[startInfoVersion:]) < 1 {
		return nil
	}
	at, n := get64(info[startInfoMap:]), min(get32(info[startInfoEntries:]), MaxRegions)
	if at >= DirectMapSize-MaxRegions*mapEntrySize {
		return nil
	}
	list := make([]Region, 0, n)
	for i := range uint64(n) {
		e := Physical(at+i*mapEntrySize, mapEntrySize)
		list = append(list, Region{get64(e), get64(e[8:]), get32(e[16:]) == mapTypeRAM})
	}
	return list
}

func get32(b []byte) uint32 { return *(*uint32)(unsafe.Pointer(&b[0])) }
func get64(b []byte) uint64 { return *(*uint64)(unsafe.Pointer(&b[0])) }
