#include "go_asm.h"
#include "textflag.h"
#include "entry_amd64.h"

// SYSCALL from 64-bit code, and the short way.
//
// A program's system call goes to the server that waits for it, and the server's reply
// back to the program, without coming to Go, when that is all there is to do. Every
// check that fails (label long) leaves for Go with the registers saved, which then does
// the whole of it (microkernel: handle). Link and Gate in context.go are what both share.
// The short way changes no run queue and no queue of an endpoint.

// EVENT and FRAME are fields of the frame in R11.
#define EVENT(f) f(R11)
#define FRAME(r) (const_frameRegs+r)(R11)

// NANOSECONDS turns the ticks in AX into ns in DX; R9 holds the multiplier.
#define NANOSECONDS \
	MULQ	R9; \
	SHLQ	$32, DX; \
	SHRQ	$32, AX; \
	ORQ	AX, DX

// LSTAR. RCX holds the instruction pointer, R11 the flags; the stack is still the
// thread's.
TEXT ·syscallEntry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	DI, CPU(perProcessor_scratch)
	MOVQ	CPU(perProcessor_current), DI
	MOVQ	CX, REG(registers_IP)
	MOVQ	R11, REG(registers_Flags)
	CMPQ	Context_program(DI), $0
	JEQ	server
	SAVE_GENERAL
	MOVQ	AX, REG(registers_OrigAX)
	MOVQ	SP, REG(registers_SP)
	MOVQ	CPU(perProcessor_scratch), CX
	MOVQ	CX, REG(registers_DI)
	ANDQ	$(const_flagTF|const_flagRF), R11 // SYSRET would trap in the wrong place
	MOVQ	R11, Context_slow(DI)
	MOVQ	$1, Context_vectors(DI)
	SAVE_VECTORS

	// Does a server wait that SYSRET can return to?
	MOVQ	LINK(Link_Gate)(DI), R11
	TESTQ	R11, R11
	JEQ	long
	MOVQ	Gate_Waiter(R11), CX
	TESTQ	CX, CX
	JEQ	long
	CMPQ	Context_slow(CX), $0
	JNE	long
	CMPQ	CPU(perProcessor_watched), $0 // breakpoints would hit the server
	JNE	long

	// The frame. RDI, RCX and R11 are in the context only by now. The server is in RCX
	// from here on.
	MOVQ	LINK(Link_Frame)(DI), R11
	MOVQ	R15, FRAME(registers_R15)
	MOVQ	R14, FRAME(registers_R14)
	MOVQ	R13, FRAME(registers_R13)
	MOVQ	R12, FRAME(registers_R12)
	MOVQ	BP, FRAME(registers_BP)
	MOVQ	BX, FRAME(registers_BX)
	MOVQ	R10, FRAME(registers_R10)
	MOVQ	R9, FRAME(registers_R9)
	MOVQ	R8, FRAME(registers_R8)
	MOVQ	AX, FRAME(registers_AX)
	MOVQ	AX, FRAME(registers_OrigAX)
	MOVQ	DX, FRAME(registers_DX)
	MOVQ	SI, FRAME(registers_SI)
	MOVQ	SP, FRAME(registers_SP)
	MOVQ	REG(registers_DI), BX
	MOVQ	BX, FRAME(registers_DI)
	MOVQ	REG(registers_IP), BX
	MOVQ	BX, FRAME(registers_CX)
	MOVQ	BX, FRAME(registers_IP)
	MOVQ	REG(registers_Flags), BX
	MOVQ	BX, FRAME(registers_R11)
	MOVQ	BX, FRAME(registers_Flags)
	MOVQ	$const_selUserCode, FRAME(registers_CS)
	MOVQ	$const_selUserData, FRAME(registers_SS)
	RDFSBASE_BX
	MOVQ	BX, REG(registers_FSBase)
	MOVQ	BX, FRAME(registers_FSBase)
	RDGSBASE_BX
	MOVQ	BX, REG(registers_GSBase)
	MOVQ	BX, FRAME(registers_GSBase)

	// Time of the event, and of the program.
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, BX
	SUBQ	CPU(perProcessor_resumed), BX
	ADDQ	LINK(Link_User)(DI), BX
	MOVQ	BX, LINK(Link_User)(DI)
	SUBQ	TIME(Clock_Start), AX
	MOVQ	TIME(Clock_Mult), R9
	NANOSECONDS
	MOVQ	DX, EVENT(header_Time)
	MOVQ	DX, R10
	MOVQ	BX, AX
	NANOSECONDS
	MOVQ	DX, EVENT(header_UserTime)

	// The event.
	MOVQ	LINK(Link_Sequence)(DI), R8
	INCQ	R8
	MOVQ	R8, LINK(Link_Sequence)(DI)
	MOVQ	R8, EVENT(header_Sequence)
	MOVQ	LINK(Link_GateBadge)(DI), DX
	MOVQ	DX, LINK(Link_Badge)(DI)
	MOVQ	DX, EVENT(header_Badge)
	MOVQ	LINK(Link_Name)(DI), SI
	MOVQ	SI, EVENT(header_Thread)
	MOVQ	$const_kindSyscall, EVENT(header_Kind) // vector and flags are 0
	MOVQ	$const_kindSyscall, LINK(Link_Kind)(DI)
	MOVQ	$const_StateDelivered, LINK(Link_State)(DI)
	MOVQ	LINK(Link_Gate)(DI), BX
	MOVQ	BX, LINK(Link_At)(DI)
	MOVQ	DI, Gate_Last(BX)
	MOVQ	$0, Gate_Waiter(BX)

	// The server: what it kept, and the results of its wait. R9 and R10 hold nothing
	// that it may not know.
	INCQ	CPU(perProcessor_short)
	MOVQ	CX, DI
	MOVQ	DI, CPU(perProcessor_current)
	MOVQ	$const_StateReady, LINK(Link_State)(DI)
	LDMXCSR	·kernelMXCSR(SB)
	LOAD_SPACE(loaded)
	MOVQ	REG(registers_FSBase), AX
	WRFSBASE_AX
	LOAD_KEPT
	MOVQ	REG(registers_IP), CX
	MOVQ	REG(registers_Flags), R11
	MOVQ	REG(registers_SP), SP
	MOVQ	R10, DI
	MOVL	$const_kindSyscall, AX
	SYSRETQ64

	// A reply of a server: to the event that was delivered last, plain, with the result
	// or nothing taken from the frame, nothing else to receive or to run? Until that
	// is sure only RCX and R11, which SYSCALL has destroyed, are used.
server:
	CMPQ	AX, $const_callReplyWait
	JNE	call
	MOVQ	LINK(Link_WaitGate)(DI), R11
	TESTQ	R11, R11
	JEQ	call
	MOVQ	CPU(perProcessor_scratch), CX
	CMPQ	CX, LINK(Link_WaitHandle)(DI)
	JNE	call
	TESTQ	$~const_plainResult, R10
	JNE	call
	CMPQ	Gate_Owner(R11), DI
	JNE	call
	CMPQ	Gate_Busy(R11), $0
	JNE	call
	MOVQ	Gate_Last(R11), CX
	TESTQ	CX, CX
	JEQ	call
	CMPQ	SI, LINK(Link_Name)(CX)
	JNE	call
	CMPQ	DX, LINK(Link_Sequence)(CX)
	JNE	call
	CMPQ	CPU(perProcessor_hold), $0
	JNE	call
	CMPQ	CX, CPU(perProcessor_owner)
	JNE	call
	// What the server keeps; the results of its wait will be the rest.
	MOVQ	R15, REG(registers_R15)
	MOVQ	R14, REG(registers_R14)
	MOVQ	R13, REG(registers_R13)
	MOVQ	R12, REG(registers_R12)
	MOVQ	BP, REG(registers_BP)
	MOVQ	BX, REG(registers_BX)
	MOVQ	SP, REG(registers_SP)
	MOVQ	$0, Context_slow(DI) // a step of its own only hits itself
	MOVQ	$0, Gate_Last(R11)
	MOVQ	DI, Gate_Waiter(R11)
	MOVQ	$const_StateWaiting, LINK(Link_State)(DI)
	MOVQ	R11, LINK(Link_At)(DI)
	MOVQ	CX, DI
	MOVQ	$const_StateReady, LINK(Link_State)(DI)
	TESTQ	R10, R10
	JEQ	go
	MOVQ	LINK(Link_Frame)(DI), R11
	MOVQ	FRAME(registers_AX), AX
	MOVQ	AX, REG(registers_AX)
go:
	JMP	·intoRing3(SB)

	// Any other call of a server.
call:
	SAVE_GENERAL
	MOVQ	SP, REG(registers_SP)
	MOVQ	CPU(perProcessor_scratch), CX
	MOVQ	CX, REG(registers_DI)
	MOVQ	REG(registers_Flags), R11
	ANDQ	$(const_flagTF|const_flagRF), R11
	MOVQ	R11, Context_slow(DI)
	MOVQ	$0, Context_vectors(DI)
long:
	MOVQ	REG(registers_IP), CX // RCX and R11 as SYSCALL left them
	MOVQ	CX, REG(registers_CX)
	MOVQ	REG(registers_Flags), CX
	MOVQ	CX, REG(registers_R11)
	MOVQ	$const_selUserCode, REG(registers_CS)
	MOVQ	$const_selUserData, REG(registers_SS)
	MOVQ	$const_TrapSyscall, Context_Trap(DI)
	LEAVE
