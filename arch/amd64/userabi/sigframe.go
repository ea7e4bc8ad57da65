package userabi

import "unsafe"

// The signal frame of x86-64 (Linux arch/x86/include/asm/sigframe.h,
// uapi/asm/sigcontext.h), offsets in bytes from its start, where the handler's return
// address is. The floating-point area stands above it, 64-byte aligned.
const (
	frameReturn  = 0
	frameContext = 8

	contextFlags = frameContext + 0
	contextLink  = frameContext + 8
	contextStack = frameContext + 16 // stack_t: pointer, flags, size
	contextRegs  = frameContext + 40 // struct sigcontext
	contextMask  = frameContext + 296
	contextSize  = 304

	frameInfo = frameContext + contextSize
	// SignalInfoSize is the size of siginfo_t in bytes.
	SignalInfoSize = 128
	// SignalFrameSize is the size of the frame without the floating-point area.
	SignalFrameSize = frameInfo + SignalInfoSize

	redZone = 128 // ABI 3.2.2: below the stack pointer, the program's

	ucXState   = 1 // UC_FP_XSTATE
	ucSS       = 2 // UC_SIGCONTEXT_SS
	ucStrictSS = 4 // UC_STRICT_RESTORE_SS

	xstateMagic1 = 0x46505853
	xstateMagic2 = 0x46505845
	magic2Size   = 4
)

// Offsets that other code relies on (linux-semantics: uc_mcontext at 40, uc_sigmask at 296).
const (
	_ = -((contextRegs - frameContext) ^ 40)
	_ = -((contextMask - frameContext) ^ 296)
	_ = -(SignalFrameSize ^ 440)
)

// AltStack is sigaltstack(2)'s stack as the frame carries it.
type AltStack struct {
	Base, Size uint64
	Flags      int32
}

// SignalFrame is what the personality wants to be put on a program's stack.
type SignalFrame struct {
	Signal   int32
	Handler  uint64
	Restorer uint64
	Mask     uint64 // to restore at sigreturn
	Alt      AltStack
	Fault    Fault
	Info     [SignalInfoSize]byte
}

// MaximumSignalFrame is the most bytes that PlaceSignal and BuildSignal may take.
const MaximumSignalFrame = SignalFrameSize + 16 + 64 + len(Frame{}.XSave) + magic2Size

// BelowRedZone is where a signal frame may start on the interrupted stack.
func BelowRedZone(sp uint64) uint64 { return sp - redZone }

// PlaceSignal says where frame and floating-point area go when they have to lie below sp.
func PlaceSignal(cpu *CPU, sp uint64) (frame, fp uint64) {
	fp = (sp - uint64(cpu.XSize) - magic2Size) &^ 63
	frame = (fp-SignalFrameSize)&^15 - 8
	return frame, fp
}

// SignalSize is how many bytes the frame that PlaceSignal placed takes.
func SignalSize(cpu *CPU, addr, fp uint64) int { return int(fp-addr) + int(cpu.XSize) + magic2Size }

// BuildSignal writes the frame that PlaceSignal placed at addr with the floating-point
// area at fp into buf, which stands for the memory from addr on, and returns how many bytes
// it is. The floating-point state in f must have been synced.
func BuildSignal(cpu *CPU, f *Frame, s *SignalFrame, addr, fp uint64, buf []byte) int {
	n := SignalSize(cpu, addr, fp)
	buf = buf[:n]
	gap := buf[SignalFrameSize : fp-addr]
	clear(gap)

	put64(buf[frameReturn:], s.Restorer)
	put64(buf[contextFlags:], ucXState|ucSS|ucStrictSS)
	put64(buf[contextLink:], 0)
	put64(buf[contextStack:], s.Alt.Base)
	put64(buf[contextStack+8:], uint64(uint32(s.Alt.Flags)))
	put64(buf[contextStack+16:], s.Alt.Size)
	putContext(buf, f, s, fp)
	put64(buf[contextMask:], s.Mask)
	copy(buf[frameInfo:], s.Info[:])

	area := buf[fp-addr:]
	copy(area[:cpu.XSize], f.XSave[:])
	sw := area[fxSoftware:legacySize]
	clear(sw)
	put32(sw[0:], xstateMagic1)
	put32(sw[4:], cpu.XSize+magic2Size)
	put64(sw[8:], cpu.XFeatures)
	put32(sw[16:], cpu.XSize)
	// A handler may change x87 and SSE state, which restore must then take from here.
	put64(area[xsaveHeader:], get64(area[xsaveHeader:])|featureX87|featureSSE)
	put32(area[cpu.XSize:], xstateMagic2)
	return n
}

// sigContext is struct sigcontext.
type sigContext struct {
	R8, R9, R10, R11, R12, R13, R14, R15      uint64
	DI, SI, BP, BX, DX, AX, CX, SP, IP, Flags uint64
	CS, GS, FS, SS                            uint16
	Error, Vector, OldMask, Address, FP       uint64
	_                                         [8]uint64
}

const _ = -((contextMask - contextRegs) ^ unsafe.Sizeof(sigContext{}))

// contextOf is the struct in a frame. Frames are aligned to 8 bytes, wherever they are.
func contextOf(buf []byte) *sigContext {
	return (*sigContext)(unsafe.Pointer(&buf[contextRegs:contextMask][0]))
}

// putContext writes struct sigcontext.
func putContext(buf []byte, f *Frame, s *SignalFrame, fp uint64) {
	r := &f.Regs
	*contextOf(buf) = sigContext{
		R8: r.R8, R9: r.R9, R10: r.R10, R11: r.R11, R12: r.R12, R13: r.R13, R14: r.R14, R15: r.R15,
		DI: r.DI, SI: r.SI, BP: r.BP, BX: r.BX, DX: r.DX, AX: r.AX, CX: r.CX, SP: r.SP, IP: r.IP, Flags: r.Flags,
		CS: uint16(r.CS), SS: uint16(r.SS),
		Error: s.Fault.Error, Vector: s.Fault.Vector, OldMask: s.Mask, Address: s.Fault.Address, FP: fp,
	}
}

// handlerClears are the flags a handler starts without: trap, direction, resume.
const handlerClears = 1<<8 | 1<<10 | 1<<16

// EnterHandler points the registers at the handler of a frame written at addr
// (groups MaskGeneral and MaskControl).
func EnterHandler(f *Frame, s *SignalFrame, addr uint64) {
	r := &f.Regs
	r.DI = uint64(s.Signal)
	r.SI = addr + frameInfo
	r.DX = addr + frameContext
	r.AX = 0
	r.IP = s.Handler
	r.SP = addr
	r.Flags &^= handlerClears
	r.CS, r.SS = userCS, userSS
	r.OrigAX = NoCall
}

// SignalReturn is where the frame is that a program in sigreturn has: the
// restorer's return address has been taken off the stack.
func SignalReturn(f *Frame) uint64 { return f.Regs.SP - 8 }

// Restored is what a signal frame says besides registers.
type Restored struct {
	Mask uint64
	Alt  AltStack
	FP   uint64 // address of the floating-point area; 0: initial state
	// BadSegment: the code segment of the frame is not the one of programs. The
	// return to it would raise a general-protection exception.
	BadSegment bool
}

// Flags that a program may set in its flags register (FIX_EFLAGS of
// arch/x86/kernel/signal.c: AC OF DF TF SF ZF AF PF CF RF).
const settableFlags = 1<<18 | 1<<11 | 1<<10 | 1<<8 | 1<<7 | 1<<6 | 1<<4 | 1<<2 | 1<<0 | 1<<16

// RestoreSignal takes the registers out of the SignalFrameSize bytes of a
// frame (groups MaskGeneral and MaskControl). Whatever the bytes are, the result
// is a state that a program could have reached by itself.
func RestoreSignal(f *Frame, buf []byte) (out Restored) {
	b, r := contextOf(buf), &f.Regs
	r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15 = b.R8, b.R9, b.R10, b.R11, b.R12, b.R13, b.R14, b.R15
	r.DI, r.SI, r.BP, r.BX, r.DX, r.AX, r.CX, r.SP, r.IP = b.DI, b.SI, b.BP, b.BX, b.DX, b.AX, b.CX, b.SP, b.IP
	r.Flags = r.Flags&^settableFlags | b.Flags&settableFlags
	r.CS = userCS
	out.BadSegment = b.CS|3 != userCS
	if get64(buf[contextFlags:])&ucSS != 0 && b.SS&3 == 3 {
		r.SS = uint64(b.SS)
	} else {
		r.SS = userSS
	}
	r.OrigAX = NoCall
	out.FP = b.FP
	out.Mask = get64(buf[contextMask:])
	out.Alt = AltStack{
		Base:  get64(buf[contextStack:]),
		Flags: int32(get32(buf[contextStack+8:])),
		Size:  get64(buf[contextStack+16:]),
	}
	return out
}

// FPHeaderSize is how many bytes of a floating-point area FPSize has to see.
const FPHeaderSize = legacySize

// FPSize says how many bytes from the start of a floating-point area RestoreFP wants,
// from its first FPHeaderSize bytes.
func FPSize(cpu *CPU, head []byte) int {
	sw := head[fxSoftware:legacySize]
	size, extended := get32(sw[16:]), get32(sw[4:])
	if get32(sw[0:]) != xstateMagic1 || size < legacySize+headerSize || size > cpu.XSize || size > extended {
		return legacySize
	}
	return int(size) + magic2Size
}

// RestoreFP takes the floating-point state out of the area (group MaskFP).
// area has the length that FPSize asked for. What is not there is initial. The
// kernel sanitises it once more. False when its header is one that XRSTOR refuses
// (SDM 1 13.8: unknown components, or reserved bytes that are not zero).
func RestoreFP(cpu *CPU, f *Frame, area []byte) bool {
	x := f.XSave[:cpu.XSize]
	features := uint64(featureX87 | featureSSE)
	if size := len(area) - magic2Size; len(area) > legacySize && get32(area[size:]) == xstateMagic2 {
		h := (*[headerSize / 8]uint64)(unsafe.Pointer(&area[xsaveHeader : xsaveHeader+headerSize][0]))
		if h[1]|h[2]|h[3]|h[4]|h[5]|h[6]|h[7] != 0 || h[0]&^cpu.XFeatures != 0 {
			return false
		}
		features = h[0] & get64(area[fxSoftware+8:]) & cpu.XFeatures
		copy(x, area[:size])
		clear(x[size:])
	} else {
		copy(x, area[:legacySize])
		clear(x[legacySize:])
	}
	put64(x[xsaveHeader:], features)
	clear(x[fxSoftware:legacySize])
	put32(x[fxMXCSR:], get32(x[fxMXCSR:])&mxcsrMask)
	put32(x[fxMXCSRMask:], 0)
	return true
}

// SignalStackNeed is the most a signal frame takes of a stack (AT_MINSIGSTKSZ).
func SignalStackNeed(cpu *CPU) int {
	return SignalFrameSize + int(cpu.XSize) + magic2Size + 64 + 16
}
