package userabi

import "starling/ipc/frame"

// What Linux tells about the instruction set (elf(5), getauxval(3), uname(2)).
const (
	Machine      = "x86_64"
	Platform     = "x86_64"
	ELFMachine   = 62 // EM_X86_64
	AuditArch    = 0xc000003e
	ClockTick    = 100
	PageSize     = 4096
	SyscallCount = 463 // one more than the highest number the table can hold

	// TaskSize is the end of what a program can address: the last page of the low
	// half stays unused, as on Linux, so that no SYSCALL can lie right below the
	// non-canonical hole.
	TaskSize = 0x0000_7fff_ffff_f000
	// StackTop is where the stack of a program ends at most.
	StackTop = TaskSize
	// DynamicBase is where position-independent programs go, before
	// randomisation (ELF_ET_DYN_BASE: two thirds of the address space).
	DynamicBase = TaskSize / 3 * 2
	// LowStart and LowEnd are where MAP_32BIT puts a mapping (mmap(2)).
	LowStart, LowEnd = 1 << 30, 2 << 30
	// MinimumAddress is the lowest address that can be mapped (vm.mmap_min_addr).
	MinimumAddress = 65536
	// Bits of randomisation in pages (vm.mmap_rnd_bits, and the stack's).
	MapRandomBits   = 28
	StackRandomBits = 22
	// BreakRandom is by how many bytes the start of the heap varies.
	BreakRandom = 32 << 20
	// MinimumSignalStack is MINSIGSTKSZ.
	MinimumSignalStack = 2048
)

// User selectors and flags as Linux sets them.
const (
	userCS       = 0x33
	userCS32     = 0x23
	userSS       = 0x2b
	initialFlags = 0x202 // IF and the bit that is always set
)

// Start makes the frame what a program begins with at ip and sp: everything else is zero (all groups).
func Start(f *Frame, ip, sp uint64) {
	f.Regs = frame.Registers{IP: ip, SP: sp, CS: userCS, SS: userSS, Flags: initialFlags, OrigAX: NoCall}
	f.Debug = frame.Debug{}
	f.XSave = [frame.XSaveSize]byte{} // whoever had the frame before
	ResetFP(f)
}

// Legacy region and header of the XSAVE area (SDM 1 13.4).
const (
	fxControl   = 0  // FCW, 2 bytes
	fxMXCSR     = 24 // 4 bytes
	fxMXCSRMask = 28
	fxSoftware  = 464 // 48 bytes for software
	legacySize  = 512
	xsaveHeader = legacySize
	headerSize  = 64

	defaultFCW   = 0x37f
	defaultMXCSR = 0x1f80
	// mxcsrMask are the bits that processors with DAZ implement (SDM 1 11.6.6).
	mxcsrMask = 0xffff

	featureX87 = 1
	featureSSE = 2
	featureAVX = 4
)

// ResetFP makes the floating-point state of the frame the initial one (group MaskFP).
func ResetFP(f *Frame) {
	clear(f.XSave[:legacySize+headerSize])
	put16(f.XSave[fxControl:], defaultFCW)
	put32(f.XSave[fxMXCSR:], defaultMXCSR)
}

// CPU is what programs may know of the processor. It comes with the
// configuration, never from looking, so that a run can be repeated elsewhere.
type CPU struct {
	// XFeatures is XCR0, and XSize the size in bytes of the standard XSAVE area for it.
	XFeatures uint64
	XSize     uint32
	// HWCap is CPUID.1:EDX, HWCap2 has bit 1 when FSGSBASE is on (AT_HWCAP, AT_HWCAP2).
	HWCap, HWCap2 uint64
}

// Baseline is a processor with x87 and SSE only.
func Baseline() CPU {
	return CPU{XFeatures: featureX87 | featureSSE, XSize: legacySize + headerSize, HWCap: 0x078bfbff, HWCap2: 2}
}
