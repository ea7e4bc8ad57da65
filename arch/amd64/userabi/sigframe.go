package userabi

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

	// Offsets in struct sigcontext.
	regSelectors = 144
	regError     = 152
	regVector    = 160
	regOldMask   = 168
	regAddress   = 176
	regFP        = 184

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

// BuildSignal writes the frame that PlaceSignal placed at addr with the floating-point
// area at fp into buf, which stands for the memory from addr on, and returns how many bytes
// it is. The floating-point state in f must have been synced.
func BuildSignal(cpu *CPU, f *Frame, s *SignalFrame, addr, fp uint64, buf []byte) int {
	n := int(fp-addr) + int(cpu.XSize) + magic2Size
	buf = buf[:n]
	gap := buf[SignalFrameSize : fp-addr]
	clear(gap)

	put64(buf[frameReturn:], s.Restorer)
	put64(buf[contextFlags:], ucXState|ucSS|ucStrictSS)
	put64(buf[contextLink:], 0)
	put64(buf[contextStack:], s.Alt.Base)
	put64(buf[contextStack+8:], uint64(uint32(s.Alt.Flags)))
	put64(buf[contextStack+16:], s.Alt.Size)
	putContext(buf[contextRegs:contextMask], f, s, fp)
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

// putContext writes struct sigcontext.
func putContext(b []byte, f *Frame, s *SignalFrame, fp uint64) {
	r := &f.Regs
	for i, v := range [...]uint64{r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15,
		r.DI, r.SI, r.BP, r.BX, r.DX, r.AX, r.CX, r.SP, r.IP, r.Flags} {
		put64(b[8*i:], v)
	}
	put64(b[regSelectors:], r.CS&0xffff|(r.SS&0xffff)<<48)
	put64(b[regError:], s.Fault.Error)
	put64(b[regVector:], s.Fault.Vector)
	put64(b[regOldMask:], s.Mask)
	put64(b[regAddress:], s.Fault.Address)
	put64(b[regFP:], fp)
	clear(b[regFP+8 : 256])
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
	b := buf[contextRegs:contextMask]
	r := &f.Regs
	for i, p := range [...]*uint64{&r.R8, &r.R9, &r.R10, &r.R11, &r.R12, &r.R13, &r.R14, &r.R15,
		&r.DI, &r.SI, &r.BP, &r.BX, &r.DX, &r.AX, &r.CX, &r.SP, &r.IP} {
		*p = get64(b[8*i:])
	}
	flags := get64(b[8*17:])
	r.Flags = r.Flags&^settableFlags | flags&settableFlags
	r.CS = userCS
	out.BadSegment = get16(b[regSelectors:])|3 != userCS
	if ss := get16(b[regSelectors+6:]); get64(buf[contextFlags:])&ucSS != 0 && ss&3 == 3 {
		r.SS = uint64(ss)
	} else {
		r.SS = userSS
	}
	r.OrigAX = NoCall
	out.FP = get64(b[regFP:])
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
	clear(x[legacySize:])
	features := uint64(featureX87 | featureSSE)
	if size := len(area) - magic2Size; len(area) > legacySize && get32(area[size:]) == xstateMagic2 {
		for _, c := range area[xsaveHeader+8 : xsaveHeader+headerSize] {
			if c != 0 {
				return false
			}
		}
		if get64(area[xsaveHeader:])&^cpu.XFeatures != 0 {
			return false
		}
		copy(x, area[:size])
		wanted := get64(area[fxSoftware+8:]) & cpu.XFeatures
		features = get64(area[xsaveHeader:]) & wanted
	} else {
		copy(x, area[:legacySize])
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
