package runtime

import "unsafe"

// The kernel profile: ring 0, paging on, everything in the high half, as the
// boot stub leaves it (arch/amd64/boot).

// What of the boot table (arch/amd64/boot.Table) must be known before main. A
// test there compares the offsets.
const (
	bareDirectMap      = 0xffff800000000000
	bareTableAddress   = bareDirectMap + 0x101000
	bareTableMagic     = 0x3154424c52415453
	bareTableHeapStart = 64
	bareTableHeapSize  = 72
	bareTableSeed      = 88
	bareTableStartInfo = 104
	bareTableBootTicks = 112
	bareHeapWindow     = 0xffffff0000000000
	bareMetadataBytes  = 2 << 20
	bareExitBroken     = 125 // what QEMU is told when the kernel's runtime cannot go on
	bareStartInfoMap   = 40  // hvm_start_info: memmap_paddr, then memmap_entries (Xen, arch-x86/hvm/start_info.h)
	bareStartInfoLen   = 48
	bareMapEntrySize   = 24 // hvm_memmap_table_entry: addr, size, type, reserved
	bareMapTypeRAM     = 1
	bareOneNsPerTick   = 1 << 32 // until the kernel has calibrated: 1 ns
)

func bareTable(offset uintptr) uint64 {
	return *(*uint64)(unsafe.Pointer(bareTableAddress + offset))
}

var bareKernelClock bareClockParams

//go:nosplit
func bareClock() *bareClockParams { return &bareKernelClock }

func bareInit() {
	if bareTable(0) != bareTableMagic {
		bareDie("boot image damaged: no boot table\n")
	}
	bareKernelClock = bareClockParams{TSC0: bareTable(bareTableBootTicks), Mult: bareOneNsPerTick}
	bareRandom = bareTable(bareTableSeed) | 1
	start, size := uintptr(bareTable(bareTableHeapStart)), uintptr(bareTable(bareTableHeapSize))
	if !bareIsRAM(start, size) {
		bareDie("not enough memory for the kernel: give the machine more\n")
	}
	// The stub maps the first 2 MiB of the heap at the beginning of the window
	// and the rest one arena further on.
	bareMemory = bareSpace{
		small:    bareHeapWindow,
		smallEnd: bareHeapWindow + bareMetadataBytes,
		first:    bareHeapWindow + bareArena,
		arenas:   bareHeapWindow + bareArena,
		limit:    bareHeapWindow + bareArena + size - bareMetadataBytes,
		used:     bareHeapWindow,
	}
}

// bareIsRAM looks the range up in the machine's memory map.
func bareIsRAM(start, size uintptr) bool {
	info := uintptr(bareTable(bareTableStartInfo)) + bareDirectMap
	entries := *(*uintptr)(unsafe.Pointer(info + bareStartInfoMap)) + bareDirectMap
	for i := uintptr(0); i < uintptr(*(*uint32)(unsafe.Pointer(info + bareStartInfoLen))); i++ {
		e := entries + i*bareMapEntrySize
		a, n := *(*uintptr)(unsafe.Pointer(e)), *(*uintptr)(unsafe.Pointer(e + 8))
		if *(*uint32)(unsafe.Pointer(e + 16)) == bareMapTypeRAM && a <= start && start+size <= a+n {
			return true
		}
	}
	return false
}

// bareCommit: the window is mapped from the start; only its content is unknown.
func bareCommit(addr, n uintptr) bool {
	memclrNoHeapPointers(unsafe.Pointer(addr), n)
	return true
}

// bareSealReserve is what the runtime may still take for metadata after BareSeal:
// it allocates that in chunks of 64 to 256 KiB.
const bareSealReserve = 320 << 10

// BareSeal ends the growth of the kernel's heap and returns the physical range
// of the metadata piece that will never be used, page-aligned.
func BareSeal() (start, end uint64) {
	first := (bareMemory.small+4095)&^4095 + bareSealReserve
	last := bareMemory.smallEnd
	if last != bareHeapWindow+bareMetadataBytes || first >= last {
		return 0, 0 // the first piece is used up
	}
	bareMemory.smallEnd = first
	bareMemory.limit = bareMemory.used
	heap := uintptr(bareTable(bareTableHeapStart))
	return uint64(heap + first - bareHeapWindow), uint64(heap + last - bareHeapWindow)
}

// BareSetClock gives the clock its real parameters: ns = (ticks-tsc0)*mult>>32,
// wall in ns since 1970 at tsc0.
func BareSetClock(tsc0, mult, wall uint64) {
	bareKernelClock = bareClockParams{tsc0, mult, wall}
}

// bareIdle without a hook waits for the next timer by watching the clock: the
// kernel proper has no goroutines that could be waited for.
func bareIdle(ns int64) {
	if bareIdleHook != nil {
		bareIdleHook(ns)
		return
	}
	if ns < 0 {
		throw("kernel: every goroutine waits")
	}
	for end := bareNanotime() + ns; bareNanotime() < end; {
	}
}

// bareTrapG is the g under which a trap handler of ring 0 may run Go, with
// bounds that fit the handler's stack; the kernel's assembly switches to it.
//
//go:linkname bareTrapG
var bareTrapG g

// BareTrapStack tells the bounds of the stack that ring-0 trap handlers run on.
func BareTrapStack(lo, hi uintptr) {
	bareTrapG.stack = stack{lo, hi}
	bareTrapG.stackguard0 = lo + stackGuard
	bareTrapG.stackguard1 = lo + stackGuard
	bareTrapG.m = &m0
}

// BareTraceback prints the calls that led to an address in ring 0: for the last
// message of a kernel that found itself broken. gp is what (TLS) held.
func BareTraceback(pc, sp uintptr, gp unsafe.Pointer) {
	if gp != nil && findfunc(pc).valid() {
		traceback(pc, sp, 0, (*g)(gp))
	}
}
