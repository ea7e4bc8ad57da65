package userabi

// Regset is one register set of PTRACE_GETREGSET, named by the type of its ELF note
// (elf.h, NT_*).
type Regset struct {
	Type uint32
	// Word is the size of its elements in bytes: lengths are multiples of it.
	Word int
	// FP: the floating-point state in the frame must have been synced, and changes with Set.
	FP bool
	// Size is its size in bytes.
	Size func(cpu *CPU) int
	// Get writes all of it. Set takes the first len(b) bytes of it.
	Get func(cpu *CPU, f *Frame, forced bool, b []byte)
	Set func(cpu *CPU, f *Frame, forced *bool, b []byte) Outcome
}

// Regsets is the register sets that a thread has, general ones first, then x87 and SSE
// (struct user_fpregs_struct), then all that XSAVE saves.
var Regsets = [...]Regset{
	{Type: 1, Word: 8, Size: func(*CPU) int { return RegistersSize }, // NT_PRSTATUS
		Get: func(_ *CPU, f *Frame, forced bool, b []byte) { GetRegisters(f, forced, (*[RegistersSize]byte)(b)) },
		Set: func(_ *CPU, f *Frame, forced *bool, b []byte) Outcome { return SetRegisters(f, forced, b) }},
	{Type: 2, Word: 8, FP: true, Size: func(*CPU) int { return legacySize }, // NT_PRFPREG
		Get: getLegacy, Set: setLegacy},
	{Type: 0x202, Word: 8, FP: true, Size: func(cpu *CPU) int { return int(cpu.XSize) }, // NT_X86_XSTATE
		Get: getExtended, Set: setExtended},
}

// MaximumRegset is the most bytes that a register set has.
const MaximumRegset = len(Frame{}.XSave)

// extendedParts are the bytes of components 0 to 2 of the XSAVE area: x87 without MXCSR,
// SSE, AVX (SDM 1 13.4).
var extendedParts = [...][][2]int{{{0, 24}, {32, 160}}, {{160, 416}}, {{576, 832}}}

// getExtended writes the XSAVE area in the standard format: what is in its initial state
// reads as that, and the bytes for software name the components that there are.
func getExtended(cpu *CPU, f *Frame, _ bool, b []byte) {
	n := copy(b[:cpu.XSize], f.XSave[:])
	have := get64(b[xsaveHeader:])
	forgetFP(b[:n], have)
	if have&(featureSSE|featureAVX) == 0 {
		put32(b[fxMXCSR:], defaultMXCSR)
	}
	put32(b[fxMXCSRMask:], mxcsrMask)
	clear(b[416:legacySize])
	put64(b[fxSoftware:], cpu.XFeatures)
	clear(b[xsaveHeader+8 : xsaveHeader+headerSize])
}

// getLegacy writes the FXSAVE part of it.
func getLegacy(cpu *CPU, f *Frame, forced bool, b []byte) {
	var all [MaximumRegset]byte
	getExtended(cpu, f, forced, all[:])
	copy(b, all[:legacySize])
	clear(b[fxSoftware:legacySize])
}

// setLegacy takes a whole FXSAVE image. Other components stay as they are.
func setLegacy(_ *CPU, f *Frame, _ *bool, b []byte) Outcome {
	if len(b) != legacySize || get32(b[fxMXCSR:])&^mxcsrMask != 0 {
		return BadValue
	}
	x := f.XSave[:]
	copy(x[:416], b)
	put32(x[fxMXCSRMask:], 0)
	put64(x[xsaveHeader:], get64(x[xsaveHeader:])|featureX87|featureSSE)
	return Stored
}

// setExtended takes a whole XSAVE area of the standard format.
func setExtended(cpu *CPU, f *Frame, _ *bool, b []byte) Outcome {
	if len(b) != int(cpu.XSize) {
		return BadLength
	}
	features := get64(b[xsaveHeader:])
	if features&^cpu.XFeatures != 0 || get32(b[fxMXCSR:])&^mxcsrMask != 0 {
		return BadValue
	}
	for _, c := range b[xsaveHeader+8 : xsaveHeader+headerSize] {
		if c != 0 {
			return BadValue // compacted format, or reserved
		}
	}
	x := f.XSave[:cpu.XSize]
	copy(x, b)
	put32(x[fxMXCSRMask:], 0)
	clear(x[fxSoftware:legacySize])
	forgetFP(x, features)
	return Stored
}
