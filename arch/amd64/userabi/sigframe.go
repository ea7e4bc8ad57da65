package userabi

import "unsafe"

// The signal frame of x86-64 (Linux arch/x86/include/asm/sigframe.h,
// uapi/asm/ucontext.h, uapi/asm/sigcontext.h). The floating-point area stands above it,
// 64-byte aligned: fparea.go.

// SignalFrame is what a handler finds on its stack. What every instruction set has is
// exported: the personality fills it in.
type SignalFrame struct {
	Restorer uint64 // the handler's return address
	SignalContext
	Info [SignalInfoSize]byte // siginfo_t
}

// SignalContext is struct ucontext.
type SignalContext struct {
	flags, link uint64
	Alt         AltStack
	regs        sigContext
	Mask        uint64 // to restore at sigreturn
}

// AltStack is stack_t, sigaltstack(2).
type AltStack struct {
	Base  uint64
	Flags int32
	_     int32
	Size  uint64
}

// sigContext is struct sigcontext.
type sigContext struct {
	R8, R9, R10, R11, R12, R13, R14, R15      uint64
	DI, SI, BP, BX, DX, AX, CX, SP, IP, Flags uint64
	CS, GS, FS, SS                            uint16
	Error, Vector, OldMask, Address, FP       uint64
	Reserved                                  [8]uint64
}

const (
	// SignalInfoSize is the size of siginfo_t in bytes.
	SignalInfoSize = 128
	// SignalFrameSize is the size of the frame without the floating-point area.
	SignalFrameSize = int(unsafe.Sizeof(SignalFrame{}))
	// SignalContextSize is how many bytes of a frame sigreturn takes.
	SignalContextSize = int(unsafe.Sizeof(SignalContext{}))

	frameContext = unsafe.Offsetof(SignalFrame{}.SignalContext)
	frameInfo    = unsafe.Offsetof(SignalFrame{}.Info)

	redZone = 128 // ABI 3.2.2: below the stack pointer, the program's

	ucXState   = 1 // UC_FP_XSTATE
	ucSS       = 2 // UC_SIGCONTEXT_SS
	ucStrictSS = 4 // UC_STRICT_RESTORE_SS
)

// Offsets that programs rely on (uc_mcontext at 40, uc_sigmask at 296), and sizes.
const (
	_ = -(unsafe.Offsetof(SignalContext{}.Alt) ^ 16)
	_ = -(unsafe.Offsetof(SignalContext{}.regs) ^ 40)
	_ = -(unsafe.Offsetof(SignalContext{}.Mask) ^ 296)
	_ = -(frameContext ^ 8)
	_ = -(frameInfo ^ 312)
	_ = -(SignalFrameSize ^ 440)
)

// MaximumSignalFrame is the most bytes that a frame with its floating-point area takes: less than
// a page: they lie in two at most.
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

// SignalStackNeed is the most a signal frame takes of a stack (AT_MINSIGSTKSZ).
func SignalStackNeed(cpu *CPU) int {
	return SignalFrameSize + int(cpu.XSize) + magic2Size + 64 + 16
}

// SignalFrameIn is the frame in the first SignalFrameSize bytes of b, which are aligned for words.
func SignalFrameIn(b []byte) *SignalFrame {
	return (*SignalFrame)(unsafe.Pointer(&b[:SignalFrameSize][0]))
}

// SignalFrameOn is a frame that is placed at addr, with the floating-point area at fp, on the page of addr; nil: they do not lie on one.
func SignalFrameOn(cpu *CPU, page *[PageSize]byte, addr, fp uint64) (*SignalFrame, *FPArea) {
	if addr%PageSize+uint64(SignalSize(cpu, addr, fp)) > PageSize {
		return nil, nil
	}
	return (*SignalFrame)(unsafe.Pointer(&page[addr%PageSize])), (*FPArea)(unsafe.Pointer(&page[fp%PageSize]))
}

// Bytes are those of the frame.
func (s *SignalFrame) Bytes() []byte { return (*[SignalFrameSize]byte)(unsafe.Pointer(s))[:] }

// handlerClears are the flags a handler starts without: trap, direction, resume.
const handlerClears = 1<<8 | 1<<10 | 1<<16

// EnterHandler writes the registers to the frame s, which is placed at addr with its floating-point area at fp, and makes
// them those that a handler at ip begins with (groups MaskGeneral and MaskControl; MaskSegments where the code was not
// Native).
func EnterHandler(f *Frame, s *SignalFrame, addr, fp uint64, number int32, ip uint64) {
	r, c := &f.Regs, &s.regs
	s.link = 0
	s.flags = ucXState | ucSS | ucStrictSS
	if r.CS != userCS {
		s.flags = ucXState | ucSS
	}
	c.R8, c.R9, c.R10, c.R11, c.R12, c.R13, c.R14, c.R15 = r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15
	c.DI, c.SI, c.BP, c.BX, c.DX, c.AX, c.CX = r.DI, r.SI, r.BP, r.BX, r.DX, r.AX, r.CX
	c.SP, c.IP, c.Flags = r.SP, r.IP, r.Flags
	c.CS, c.GS, c.FS, c.SS = uint16(r.CS), 0, 0, uint16(r.SS)
	c.OldMask = s.Mask
	c.FP = fp

	r.DI = uint64(number)
	r.SI = addr + uint64(frameInfo)
	r.DX = addr + uint64(frameContext)
	r.AX = 0
	r.IP = ip
	r.SP = addr
	r.Flags &^= handlerClears
	r.CS = userCS
	r.SS = userSS
	r.OrigAX = NoCall
}

// SetFault says what an instruction did last that faulted.
func (s *SignalFrame) SetFault(address, code, vector uint64) {
	c := &s.regs
	c.Address = address
	c.Error = code
	c.Vector = vector
}

// SignalReturn is where the context of the frame is that a program in sigreturn has: the
// restorer's return address has been taken off the stack.
func SignalReturn(f *Frame) uint64 { return f.Regs.SP - 8 + uint64(frameContext) }

// SignalContextIn is the context in the first SignalContextSize bytes of b, which are aligned for words.
func SignalContextIn(b []byte) *SignalContext {
	return (*SignalContext)(unsafe.Pointer(&b[:SignalContextSize][0]))
}

// SignalContextOn is the context at addr on its page; nil: it is not aligned for words, or goes on on another page.
func SignalContextOn(page *[PageSize]byte, addr uint64) *SignalContext {
	if addr%PageSize > PageSize-uint64(SignalContextSize) || addr%8 != 0 {
		return nil
	}
	return (*SignalContext)(unsafe.Pointer(&page[addr%PageSize]))
}

// FP is the address of the floating-point area; 0: initial state.
func (c *SignalContext) FP() uint64 { return c.regs.FP }

// Flags that a program may set in its flags register (FIX_EFLAGS of
// arch/x86/kernel/signal.c: AC OF DF TF SF ZF AF PF CF RF).
const settableFlags = 1<<18 | 1<<11 | 1<<10 | 1<<8 | 1<<7 | 1<<6 | 1<<4 | 1<<2 | 1<<0 | 1<<16

// RestoreSignal takes the registers out of a context (groups MaskGeneral and MaskControl; MaskSegments where
// it ChangesCode). Whatever it holds, the result is a state that a program could have reached by itself. Not ok:
// a segment is none that programs have. The return to it raises a general-protection exception with selector
// as its error code.
func RestoreSignal(f *Frame, u *SignalContext) (selector uint64, ok bool) {
	b, r := &u.regs, &f.Regs
	r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15 = b.R8, b.R9, b.R10, b.R11, b.R12, b.R13, b.R14, b.R15
	r.DI, r.SI, r.BP, r.BX, r.DX, r.AX, r.CX, r.SP, r.IP = b.DI, b.SI, b.BP, b.BX, b.DX, b.AX, b.CX, b.SP, b.IP
	r.Flags = r.Flags&^settableFlags | b.Flags&settableFlags
	r.OrigAX = NoCall
	if b.CS == userCS && b.SS == userSS {
		r.CS, r.SS = userCS, userSS
		return 0, true
	}
	r.CS, r.SS = uint64(b.CS|3), uint64(b.SS|3)
	if u.flags&ucStrictSS == 0 && r.CS == userCS {
		r.SS = userSS // a frame of a program that knows nothing of stack segments
	}
	switch {
	case r.CS != userCS && r.CS != userCS32:
		return r.CS &^ 3, false
	case r.SS != userSS:
		return r.SS &^ 3, false
	}
	return 0, true
}

// ProtectionVector is the general-protection exception.
const ProtectionVector = 13

// Native reports whether the program runs 64-bit code, as nearly every one does.
func Native(f *Frame) bool { return f.Regs.CS == userCS }

// ChangesCode reports whether a context has another code segment than the registers (group MaskSegments).
func ChangesCode(f *Frame, u *SignalContext) bool { return uint64(u.regs.CS|3) != f.Regs.CS }
