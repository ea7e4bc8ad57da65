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

// NANOSECONDS turns the ticks in AX into ns in DX; CX holds the multiplier.
#define NANOSECONDS \
	MULQ	CX; \
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
	CMPQ	AX, $const_callReplyWait
	JEQ	reply
save:
	SAVE_GENERAL
	MOVQ	AX, REG(registers_OrigAX)
	MOVQ	SP, REG(registers_SP)
	MOVQ	CPU(perProcessor_scratch), AX
	MOVQ	AX, REG(registers_DI)
	MOVQ	$const_selUserCode, REG(registers_CS)
	MOVQ	$const_selUserData, REG(registers_SS)
	MOVQ	$const_TrapSyscall, Context_Trap(DI)
	ANDQ	$(const_flagTF|const_flagRF), R11 // SYSRET would trap in the wrong place
	MOVQ	R11, Context_slow(DI)
	MOVQ	Context_program(DI), BX
	MOVQ	BX, Context_vectors(DI)
	TESTQ	BX, BX
	JEQ	long
	MOVQ	Context_xsave(DI), AX
	SAVE_VECTORS

	// Does a server wait that SYSRET can return to?
	MOVQ	LINK(Link_Gate)(DI), SI
	TESTQ	SI, SI
	JEQ	long
	MOVQ	Gate_Waiter(SI), BX
	TESTQ	BX, BX
	JEQ	long
	CMPQ	Context_slow(BX), $0
	JNE	long

	// The frame. RAX, RBX, RSI, RDI and R11 are in the context only by now.
	MOVQ	LINK(Link_Frame)(DI), R11
	MOVQ	R15, FRAME(registers_R15)
	MOVQ	R14, FRAME(registers_R14)
	MOVQ	R13, FRAME(registers_R13)
	MOVQ	R12, FRAME(registers_R12)
	MOVQ	BP, FRAME(registers_BP)
	MOVQ	R10, FRAME(registers_R10)
	MOVQ	R9, FRAME(registers_R9)
	MOVQ	R8, FRAME(registers_R8)
	MOVQ	CX, FRAME(registers_CX)
	MOVQ	CX, FRAME(registers_IP)
	MOVQ	DX, FRAME(registers_DX)
	MOVQ	SP, FRAME(registers_SP)
	MOVQ	REG(registers_BX), AX
	MOVQ	AX, FRAME(registers_BX)
	MOVQ	REG(registers_SI), AX
	MOVQ	AX, FRAME(registers_SI)
	MOVQ	REG(registers_DI), AX
	MOVQ	AX, FRAME(registers_DI)
	MOVQ	REG(registers_AX), AX
	MOVQ	AX, FRAME(registers_AX)
	MOVQ	AX, FRAME(registers_OrigAX)
	MOVQ	REG(registers_Flags), AX
	MOVQ	AX, FRAME(registers_R11)
	MOVQ	AX, FRAME(registers_Flags)
	MOVQ	$const_selUserCode, FRAME(registers_CS)
	MOVQ	$const_selUserData, FRAME(registers_SS)
	MOVQ	BX, R9 // the server
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
	MOVQ	TIME(Clock_Mult), CX
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
	MOVQ	$const_kindSyscall, EVENT(header_Kind) // vector and flags are 0
	MOVQ	$const_kindSyscall, LINK(Link_Kind)(DI)
	MOVQ	$const_StateDelivered, LINK(Link_State)(DI)
	MOVQ	SI, LINK(Link_At)(DI)
	MOVQ	DI, Gate_Last(SI)
	MOVQ	$0, Gate_Waiter(SI)
	MOVQ	LINK(Link_Name)(DI), SI
	MOVQ	SI, EVENT(header_Thread)

	// The server: what it kept, and the results of its wait.
	INCQ	CPU(perProcessor_short)
	MOVQ	R9, DI
	MOVQ	DI, CPU(perProcessor_current)
	MOVQ	$const_StateReady, LINK(Link_State)(DI)
	MOVQ	$0, LINK(Link_At)(DI)
	LDMXCSR	·kernelMXCSR(SB)
	LOAD_SPACE(loaded)
	MOVQ	REG(registers_FSBase), AX
	WRFSBASE_AX
	LOAD_KEPT
	MOVQ	REG(registers_IP), CX
	MOVQ	REG(registers_Flags), R11
	MOVQ	REG(registers_SP), SP
	MOVQ	R10, DI
	XORL	R9, R9
	XORL	R10, R10
	MOVL	$const_kindSyscall, AX
	SYSRETQ64

	// A reply of a server: to the event that was delivered last, plain, with the result
	// or nothing taken from the frame, nothing else to receive or to run? Until that
	// is sure only RCX and R11, which SYSCALL has destroyed, are used.
reply:
	CMPQ	Context_program(DI), $0
	JNE	refused
	TESTQ	$(const_flagTF|const_flagRF), R11
	JNE	refused
	MOVQ	LINK(Link_WaitGate)(DI), R11
	TESTQ	R11, R11
	JEQ	refused
	MOVQ	CPU(perProcessor_scratch), CX
	CMPQ	CX, LINK(Link_WaitHandle)(DI)
	JNE	refused
	TESTQ	$~const_plainResult, R10
	JNE	refused
	CMPQ	Gate_Owner(R11), DI
	JNE	refused
	CMPQ	Gate_Busy(R11), $0
	JNE	refused
	MOVQ	Gate_Last(R11), CX
	TESTQ	CX, CX
	JEQ	refused
	CMPQ	SI, LINK(Link_Name)(CX)
	JNE	refused
	CMPQ	DX, LINK(Link_Sequence)(CX)
	JNE	refused
	CMPQ	CPU(perProcessor_hold), $0
	JNE	refused
	CMPQ	CX, CPU(perProcessor_owner)
	JNE	refused
	CMPQ	CPU(perProcessor_watched), $0
	JNE	refused
	// What the server keeps; the results of its wait will be the rest.
	MOVQ	R15, REG(registers_R15)
	MOVQ	R14, REG(registers_R14)
	MOVQ	R13, REG(registers_R13)
	MOVQ	R12, REG(registers_R12)
	MOVQ	BP, REG(registers_BP)
	MOVQ	BX, REG(registers_BX)
	MOVQ	SP, REG(registers_SP)
	MOVQ	$0, Context_slow(DI)
	MOVQ	$0, Context_vectors(DI)
	INCQ	CPU(perProcessor_short)
	MOVQ	$0, Gate_Last(R11)
	MOVQ	DI, Gate_Waiter(R11)
	MOVQ	$const_StateWaiting, LINK(Link_State)(DI)
	MOVQ	R11, LINK(Link_At)(DI)
	MOVQ	CX, DI
	MOVQ	$const_StateReady, LINK(Link_State)(DI)
	MOVQ	$0, LINK(Link_At)(DI)
	TESTQ	R10, R10
	JEQ	go
	MOVQ	LINK(Link_Frame)(DI), R11
	MOVQ	FRAME(registers_AX), AX
	MOVQ	AX, REG(registers_AX)
go:
	JMP	·intoRing3(SB)
refused:
	MOVQ	REG(registers_IP), CX
	MOVQ	REG(registers_Flags), R11
	JMP	save

long:
	LEAVE
