package userabi

// defined in detect_amd64.s
func cpuid(leaf, sub uint32) (a, b, c, d uint32)
func xgetbv() uint64

// CPUID bits (SDM 2A CPUID).
const (
	leafFeatures   = 1
	osXSave        = 1 << 27 // leaf 1, ECX: XGETBV works
	leafExtended   = 7
	fsGSBase       = 1 << 0 // leaf 7, EBX
	leafXState     = 0xd    // EBX of sub-leaf 0: bytes for the components that XCR0 enables
	hwcap2FSGSBase = 1 << 1 // HWCAP2_FSGSBASE, Linux's arch/x86/include/uapi/asm/hwcap2.h
)

// Detect asks the processor what it is, as the kernel has set it up for programs.
func Detect() CPU {
	_, _, c, d := cpuid(leafFeatures, 0)
	cpu := CPU{XFeatures: featureX87 | featureSSE, XSize: legacySize + headerSize, HWCap: uint64(d)}
	if c&osXSave != 0 {
		cpu.XFeatures = xgetbv()
		_, cpu.XSize, _, _ = cpuid(leafXState, 0)
	}
	if _, b, _, _ := cpuid(leafExtended, 0); b&fsGSBase != 0 {
		cpu.HWCap2 |= hwcap2FSGSBase
	}
	return cpu
}
