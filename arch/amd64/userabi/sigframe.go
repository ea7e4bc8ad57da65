package userabi

import "unsafe"

// The signal frame of x86-64 (Linux arch/x86/include/asm/sigframe.h,
// uapi/asm/ucontext.h, uapi/asm/sigcontext.h). The floating-point area stands above it,
// 64-byte aligned.
type signalFrame struct {
	Return  uint64 // the handler's return address
	Context userContext
	Info    signalInfo
}

// userContext is struct ucontext.
type userContext struct {
	Flags, Link uint64
	AltBase     uint64 // stack_t
	AltFlags    uint64
	AltSize     uint64
	Regs        sigContext
	Mask        uint64
}

// sigContext is struct sigcontext.
type sigContext struct {
	R8, R9, R10, R11, R12, R13, R14, R15      uint64
	DI, SI, BP, BX, DX, AX, CX, SP, IP, Flags uint64
	CS, GS, FS, SS                            uint16
	Error, Vector, OldMask, Address, FP       uint64
	Reserved                                  [8]uint64
}

// signalInfo is siginfo_t: what the kernel uses of it, and the rest.
type signalInfo struct {
	Signo, Errno, Code int32
	_                  int32
	Payload            [4]uint64
	Rest               [10]uint64
}

// softwareBytes is struct _fpx_sw_bytes.
type softwareBytes struct {
	Magic1, ExtendedSize uint32
	Features             uint64
	Size                 uint32
	Rest                 [7]uint32
}

const (
	// SignalInfoSize is the size of siginfo_t in bytes.
	SignalInfoSize = 128
	// SignalFrameSize is the size of the frame without the floating-point area.
	SignalFrameSize = int(unsafe.Sizeof(signalFrame{}))
	// SignalContextSize is how many bytes of a frame sigreturn takes.
	SignalContextSize = int(unsafe.Sizeof(userContext{}))

	frameContext = unsafe.Offsetof(signalFrame{}.Context)
	frameInfo    = unsafe.Offsetof(signalFrame{}.Info)

	redZone = 128 // ABI 3.2.2: below the stack pointer, the program's

	ucXState   = 1 // UC_FP_XSTATE
	ucSS       = 2 // UC_SIGCONTEXT_SS
	ucStrictSS = 4 // UC_STRICT_RESTORE_SS

	xstateMagic1 = 0x46505853
	xstateMagic2 = 0x46505845
	magic2Size   = 4
)

// Offsets that programs rely on (uc_mcontext at 40, uc_sigmask at 296), and sizes.
const (
	_ = -(unsafe.Offsetof(userContext{}.Regs) ^ 40)
	_ = -(unsafe.Offsetof(userContext{}.Mask) ^ 296)
	_ = -(frameContext ^ 8)
	_ = -(frameInfo ^ 312)
	_ = -(SignalFrameSize ^ 440)
	_ = -(unsafe.Sizeof(signalInfo{}) ^ SignalInfoSize)
	_ = -(unsafe.Sizeof(softwareBytes{}) ^ (legacySize - fxSoftware))
)

// xsaveArea is the beginning of an XSAVE area as a signal frame has it.
type xsaveArea struct {
	_                [fxMXCSR]byte
	mxcsr, mxcsrMask uint32
	_                [fxSoftware - fxMXCSR - 8]byte
	software         softwareBytes
	header           [headerSize / 8]uint64
}

const _ = -(unsafe.Offsetof(xsaveArea{}.header) ^ xsaveHeader)

// copyArea copies n bytes, a multiple of 8. Defined in copy_amd64.s.
//
//go:noescape
func copyArea(to, from *byte, n int)

// AltStack is sigaltstack(2)'s stack as the frame carries it.
type AltStack struct {
	Base, Size uint64
	Flags      int32
}

// SignalFrame is what the personality wants to be put on a program's stack.
type SignalFrame struct {
	Signal, Errno, Code int32
	Payload             [4]uint64 // of siginfo_t
	Handler             uint64
	Restorer            uint64
	Mask                uint64 // to restore at sigreturn
	Alt                 AltStack
	Fault               Fault
}

// MaximumSignalFrame is the most bytes that PlaceSignal and BuildSignal may take: less than
// a page, so that a frame lies in two at most.
const MaximumSignalFrame = SignalFrameSize + 16 + 64 + len(Frame{}.XSave) + magic2Size

const _ = uint(PageSize - MaximumSignalFrame)

// BelowRedZone is where a signal frame may start on the interrupted stack.
func BelowRedZone(sp uint64) uint64 { return sp - redZone }

// PlaceSignal says where frame and floating-point area go when they have to lie below sp.
func PlaceSignal(cpu *CPU, sp uint64) (frame, fp uint64) {
	fp = (sp - uint64(cpu.XSize) - magic2Size) &^ 63
	frame = (fp-uint64(SignalFrameSize))&^15 - 8
	return frame, fp
}

// SignalSize is how many bytes the frame that PlaceSignal placed takes.
func SignalSize(cpu *CPU, addr, fp uint64) int { return int(fp-addr) + FPAreaSize(cpu) }

// FPAreaSize is the size of a floating-point area with all that the processor has.
func FPAreaSize(cpu *CPU) int { return int(cpu.XSize) + magic2Size }

// BuildSignal writes the frame that PlaceSignal placed at addr with the floating-point
// area at fp. The memory from addr on is low, up to the end of its page, and high. The
// floating-point state in f must have been synced.
func BuildSignal(cpu *CPU, f *Frame, s *SignalFrame, addr, fp uint64, low, high []byte) {
	if at := int(fp - addr); len(high) == 0 && len(low) >= SignalFrameSize && len(low)-at >= FPAreaSize(cpu) {
		(*signalFrame)(unsafe.Pointer(&low[0])).put(f, s, fp)
		low = low[at:]
		copyArea(&low[0], &f.XSave[0], int(cpu.XSize))
		area := (*xsaveArea)(unsafe.Pointer(&low[0]))
		area.software = softwareBytes{Magic1: xstateMagic1, ExtendedSize: cpu.XSize + magic2Size, Features: cpu.XFeatures, Size: cpu.XSize}
		area.header[0] |= featureX87 | featureSSE // see below
		put32(low[cpu.XSize:], xstateMagic2)
		return
	}
	if len(low) >= SignalFrameSize {
		(*signalFrame)(unsafe.Pointer(&low[0])).put(f, s, fp)
	} else {
		var b signalFrame
		b.put(f, s, fp)
		scatter(low, high, 0, (*[SignalFrameSize]byte)(unsafe.Pointer(&b))[:])
	}
	at := int(fp - addr)
	scatter(low, high, at, f.XSave[:cpu.XSize])
	// The area is aligned: none of what follows lies in two pages.
	*(*softwareBytes)(unsafe.Pointer(&piece(low, high, at+fxSoftware, legacySize-fxSoftware)[0])) = softwareBytes{
		Magic1: xstateMagic1, ExtendedSize: cpu.XSize + magic2Size, Features: cpu.XFeatures, Size: cpu.XSize}
	// A handler may change x87 and SSE state, which restore must then take from here.
	present := piece(low, high, at+xsaveHeader, 8)
	put64(present, get64(present)|featureX87|featureSSE)
	put32(piece(low, high, at+int(cpu.XSize), magic2Size), xstateMagic2)
}

// put fills the frame, but for what Linux leaves alone.
func (b *signalFrame) put(f *Frame, s *SignalFrame, fp uint64) {
	b.Return = s.Restorer
	u := &b.Context
	u.Flags, u.Link = ucXState|ucSS, 0
	if f.Regs.CS == userCS {
		u.Flags |= ucStrictSS
	}
	u.AltBase, u.AltFlags, u.AltSize = s.Alt.Base, uint64(uint32(s.Alt.Flags)), s.Alt.Size
	c, r := &u.Regs, &f.Regs
	c.R8, c.R9, c.R10, c.R11, c.R12, c.R13, c.R14, c.R15 = r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15
	c.DI, c.SI, c.BP, c.BX, c.DX, c.AX, c.CX = r.DI, r.SI, r.BP, r.BX, r.DX, r.AX, r.CX
	c.SP, c.IP, c.Flags = r.SP, r.IP, r.Flags
	c.CS, c.GS, c.FS, c.SS = uint16(r.CS), 0, 0, uint16(r.SS)
	c.Error, c.Vector, c.OldMask, c.Address, c.FP = s.Fault.Error, s.Fault.Vector, s.Mask, s.Fault.Address, fp
	u.Mask = s.Mask
	i := &b.Info
	i.Signo, i.Errno, i.Code = s.Signal, s.Errno, s.Code
	i.Payload = s.Payload
	i.Rest = [10]uint64{}
}

// scatter copies b to where offset at is in memory of two pieces.
func scatter(low, high []byte, at int, b []byte) {
	if at >= len(low) {
		copy(high[at-len(low):], b)
		return
	}
	if n := copy(low[at:], b); n < len(b) {
		copy(high, b[n:])
	}
}

// gather is the other direction.
func gather(b, low, high []byte, at int) {
	if at >= len(low) {
		copy(b, high[at-len(low):])
		return
	}
	if n := copy(b, low[at:]); n < len(b) {
		copy(b[n:], high)
	}
}

// piece is n bytes at offset at of memory of two pieces, which lie in one of them.
func piece(low, high []byte, at, n int) []byte {
	if at < len(low) {
		return low[at : at+n]
	}
	return high[at-len(low):][:n]
}

// handlerClears are the flags a handler starts without: trap, direction, resume.
const handlerClears = 1<<8 | 1<<10 | 1<<16

// EnterHandler points the registers at the handler of a frame written at addr
// (groups MaskGeneral and MaskControl; MaskSegments where the code was not Native).
func EnterHandler(f *Frame, s *SignalFrame, addr uint64) {
	r := &f.Regs
	r.DI = uint64(s.Signal)
	r.SI = addr + uint64(frameInfo)
	r.DX = addr + uint64(frameContext)
	r.AX = 0
	r.IP = s.Handler
	r.SP = addr
	r.Flags &^= handlerClears
	r.CS, r.SS = userCS, userSS
	r.OrigAX = NoCall
}

// SignalReturn is where the context of the frame is that a program in sigreturn has: the
// restorer's return address has been taken off the stack.
func SignalReturn(f *Frame) uint64 { return f.Regs.SP - 8 + uint64(frameContext) }

// Restored is what a signal frame says besides registers.
type Restored struct {
	Mask uint64
	Alt  AltStack
	FP   uint64 // address of the floating-point area; 0: initial state
	// BadSegment: a segment of the frame is none that programs have. The return to it raises a
	// general-protection exception with Selector as its error code.
	BadSegment bool
	Selector   uint64
}

// Flags that a program may set in its flags register (FIX_EFLAGS of
// arch/x86/kernel/signal.c: AC OF DF TF SF ZF AF PF CF RF).
const settableFlags = 1<<18 | 1<<11 | 1<<10 | 1<<8 | 1<<7 | 1<<6 | 1<<4 | 1<<2 | 1<<0 | 1<<16

// RestoreSignal takes the registers out of the SignalContextSize bytes of a
// frame's context (groups MaskGeneral and MaskControl; MaskSegments where it ChangesCode). Whatever the bytes are, the result
// is a state that a program could have reached by itself.
func RestoreSignal(f *Frame, buf []byte, out *Restored) {
	u := (*userContext)(unsafe.Pointer(&buf[:SignalContextSize][0]))
	b, r := &u.Regs, &f.Regs
	r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15 = b.R8, b.R9, b.R10, b.R11, b.R12, b.R13, b.R14, b.R15
	r.DI, r.SI, r.BP, r.BX, r.DX, r.AX, r.CX, r.SP, r.IP = b.DI, b.SI, b.BP, b.BX, b.DX, b.AX, b.CX, b.SP, b.IP
	r.Flags = r.Flags&^settableFlags | b.Flags&settableFlags
	r.CS, r.SS = uint64(b.CS|3), uint64(b.SS|3)
	if u.Flags&ucStrictSS == 0 && r.CS == userCS {
		r.SS = userSS // a frame of a program that knows nothing of stack segments
	}
	out.BadSegment = true
	switch {
	case r.CS != userCS && r.CS != userCS32:
		out.Selector = r.CS &^ 3
	case r.SS != userSS:
		out.Selector = r.SS &^ 3
	default:
		out.BadSegment = false
	}
	r.OrigAX = NoCall
	out.FP = b.FP
	out.Mask = u.Mask
	out.Alt.Base, out.Alt.Flags, out.Alt.Size = u.AltBase, int32(u.AltFlags), u.AltSize
}

// ProtectionVector is the general-protection exception.
const ProtectionVector = 13

// Native reports whether the program runs 64-bit code, as nearly every one does.
func Native(f *Frame) bool { return f.Regs.CS == userCS }

// ChangesCode reports whether the context of a signal frame, of which these are the bytes, has another code
// segment than the registers (group MaskSegments).
func ChangesCode(f *Frame, buf []byte) bool {
	u := (*userContext)(unsafe.Pointer(&buf[:SignalContextSize][0]))
	return uint64(u.Regs.CS|3) != f.Regs.CS
}

// FPHeaderSize is how many bytes of a floating-point area FPSize has to see, FPAlign how it
// is aligned when it lies where XSAVE puts one.
const (
	FPHeaderSize = legacySize
	FPAlign      = 64
)

// FPSize says how many bytes from the start of a floating-point area RestoreFP wants,
// from its first FPHeaderSize bytes.
func FPSize(cpu *CPU, low, high []byte) int {
	sw := (*softwareBytes)(unsafe.Pointer(&piece(low, high, fxSoftware, legacySize-fxSoftware)[0]))
	size, extended := sw.Size, sw.ExtendedSize
	if sw.Magic1 != xstateMagic1 || size < legacySize+headerSize || size > cpu.XSize || size > extended {
		return legacySize
	}
	return int(size) + magic2Size
}

// RestoreFP takes the floating-point state out of the first n bytes of an area, as many as
// FPSize asked for (group MaskFP). What is not there is initial. The kernel sanitises
// it once more. False when the header is one that XRSTOR refuses (SDM 1 13.8: unknown
// components, or reserved bytes that are not zero); then all is initial.
func RestoreFP(cpu *CPU, f *Frame, low, high []byte, n int) bool {
	size := n - magic2Size
	if size == int(cpu.XSize) && len(low) >= n && get32(low[size:]) == xstateMagic2 {
		area := (*xsaveArea)(unsafe.Pointer(&low[0]))
		if h := &area.header; h[0] == cpu.XFeatures && area.software.Features == cpu.XFeatures && h[1]|h[2]|h[3]|h[4]|h[5]|h[6]|h[7] == 0 {
			// All that the processor has, in one piece.
			copyArea(&f.XSave[0], &low[0], size)
			to := (*xsaveArea)(unsafe.Pointer(&f.XSave))
			to.mxcsr, to.mxcsrMask, to.software = to.mxcsr&mxcsrMask, 0, softwareBytes{}
			return true
		}
	}
	x := f.XSave[:cpu.XSize]
	features := uint64(featureX87 | featureSSE)
	var magic2 [magic2Size]byte
	if n > legacySize {
		gather(magic2[:], low, high, size)
	}
	if get32(magic2[:]) == xstateMagic2 {
		gather(x[:size], low, high, 0)
		clear(x[size:])
		// All is checked in the copy: nobody can change it any more.
		h := (*[headerSize / 8]uint64)(unsafe.Pointer(&x[xsaveHeader]))
		if h[1]|h[2]|h[3]|h[4]|h[5]|h[6]|h[7] != 0 || h[0]&^cpu.XFeatures != 0 {
			ResetFP(f)
			return false
		}
		features = h[0] & get64(x[fxSoftware+8:])
	} else {
		gather(x[:legacySize], low, high, 0)
		clear(x[legacySize:])
	}
	put64(x[xsaveHeader:], features)
	clear(x[fxSoftware:legacySize])
	put32(x[fxMXCSR:], get32(x[fxMXCSR:])&mxcsrMask)
	put32(x[fxMXCSRMask:], 0)
	if features != cpu.XFeatures {
		forgetFP(f, features)
	}
	return true
}

// forgetFP makes the bytes of components that are not present what their initial state
// is: a signal frame shows them, and says that they are present.
func forgetFP(f *Frame, features uint64) {
	for i, parts := range extendedParts {
		for _, p := range parts {
			if features>>i&1 == 0 {
				clear(f.XSave[p[0]:p[1]])
			}
		}
	}
	if features&featureX87 == 0 {
		put16(f.XSave[fxControl:], defaultFCW)
	}
}

// SignalStackNeed is the most a signal frame takes of a stack (AT_MINSIGSTKSZ).
func SignalStackNeed(cpu *CPU) int {
	return SignalFrameSize + int(cpu.XSize) + magic2Size + 64 + 16
}
