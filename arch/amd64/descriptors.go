package amd64

import (
	"encoding/binary"
	"unsafe"
)

// Segment selectors as on Linux x86-64, because programs see them
// (arch/x86/include/asm/segment.h): kernel 0x10 and 0x18, user 0x33 and 0x2b,
// 32-bit user code 0x23, task state 0x40.
const (
	selKernelCode = 0x10
	selKernelData = 0x18
	selTask       = 0x40
	gdtEntries    = 10
)

// Exceptions that this package tells apart, SDM 3A 6.3.1.
const (
	vectorDebug       = 1
	vectorNMI         = 2
	vectorBreakpoint  = 3
	vectorOverflow    = 4
	vectorDouble      = 8
	vectorProtection  = 13
	vectorPageFault   = 14
	vectorMachine     = 18
	firstInterrupt    = 32
	vectorTimer       = 0x30
	vectorDevices     = 0x40 // and one for each line of the IOAPIC
	vectorSpurious    = 0xff
	stubBytes         = 16 // of each vector's entry in vectors_amd64.s
	trapStackBytes    = 4096
	gateInterrupt     = 0x8e // present, 64-bit interrupt gate: interrupts stay off
	gateUser          = 3 << 5
	trapStackOrdinary = 0
)

// Stacks that the processor switches to by itself. Debug exceptions, NMIs,
// double faults and machine checks can hit the first instruction of SYSCALL's
// entry, where the stack is still the program's: they have stacks of their own
// (SDM 3A 6.14.5).
var (
	gdt        [gdtEntries]uint64
	idt        [256][2]uint64
	task       [104]byte // SDM 3A 8.7
	trapStacks [5][trapStackBytes]byte
)

var ownStack = map[int]int{vectorDebug: 1, vectorNMI: 2, vectorDouble: 3, vectorMachine: 4}

func initDescriptors() {
	gdt[0x08/8] = 0x00cf9a000000ffff // 32-bit kernel code: in Linux's table, never used
	gdt[selKernelCode/8] = 0x00af9a000000ffff
	gdt[selKernelData/8] = 0x00cf92000000ffff
	gdt[selUser32/8] = 0x00cffa000000ffff
	gdt[selUserData/8] = 0x00cff2000000ffff
	gdt[selUserCode/8] = 0x00affa000000ffff
	base := uint64(uintptr(unsafe.Pointer(&task)))
	gdt[selTask/8] = uint64(len(task)-1) | base&0xffffff<<16 | 0x89<<40 | base>>24&0xff<<56
	gdt[selTask/8+1] = base >> 32

	for i := range trapStacks {
		top := uint64(uintptr(unsafe.Pointer(&trapStacks[i]))+trapStackBytes) &^ 15
		at := 28 + 8*i // IST1 is at 36
		if i == trapStackOrdinary {
			at = 4 // RSP0
		}
		binary.LittleEndian.PutUint64(task[at:], top)
	}
	task[102] = byte(len(task)) // I/O map beyond the limit: every port access of ring 3 faults

	_, _, stubs := entryPoints()
	for v := range idt {
		a := stubs + uint64(v)*stubBytes
		attributes := uint64(gateInterrupt)
		if v == vectorBreakpoint || v == vectorOverflow {
			attributes |= gateUser // as on Linux: INT3 and INTO; any other INT n faults
		}
		idt[v][0] = a&0xffff | selKernelCode<<16 | uint64(ownStack[v])<<32 | attributes<<40 | a>>16&0xffff<<48
		idt[v][1] = a >> 32
	}
	loadDescriptors(tablePointer(unsafe.Pointer(&gdt), unsafe.Sizeof(gdt)), tablePointer(unsafe.Pointer(&idt), unsafe.Sizeof(idt)))
}

// tablePointer is the operand of LGDT and LIDT (SDM 3A 3.5.1).
func tablePointer(table unsafe.Pointer, size uintptr) *[10]byte {
	var p [10]byte
	binary.LittleEndian.PutUint16(p[:], uint16(size-1))
	binary.LittleEndian.PutUint64(p[2:], uint64(uintptr(table)))
	return &p
}
