#include "go_asm.h"
#include "textflag.h"
#include "entry_amd64.h"

// SYSCALL from 64-bit code, and the short way.
//
// What a program traps for goes to the server that waits for it, and the server's reply
// back to the program, without coming to Go, when that is all there is to do. Every
// check that fails (labels long and call) leaves for Go with the registers saved, which
// then does the whole of it (microkernel: handle). Link and Gate in context.go are what
// both share. The short way changes no run queue and no queue of an endpoint.

// LSTAR. RCX holds the instruction pointer, R11 the flags; the stack is still the
// thread's.
TEXT ·syscallEntry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	DI, CPU(perProcessor_scratch)
	MOVQ	CPU(perProcessor_current), DI
	SAVE(CX, registers_IP)
	SAVE(R11, registers_Flags)
	CMPQ	Context_program(DI), $0
	JEQ	server
	SAVE_GENERAL
	SAVE(AX, registers_OrigAX)
	SAVE(SP, registers_SP)
	ANDQ	$(const_flagTF|const_flagRF), R11 // SYSRET would trap in the wrong place
	MOVQ	R11, Context_slow(DI)
	SAVE_VECTORS

	// Does a server wait?
	MOVQ	LINK(Link_Frame)(DI), R11
	PUBLISH(CX, registers_DI)
	MOVQ	LINK(Link_Gate)(DI), CX
	CMPQ	Gate_Waiter(CX), $0
	JEQ	long

	// The frame. RCX and R11 are in the context only by now.
	EACH(PUBLISH)
	PUBLISH(AX, registers_OrigAX)
	PUBLISH(SP, registers_SP)
	LOAD(BX, registers_IP)
	PUBLISH(BX, registers_CX)
	PUBLISH(BX, registers_IP)
	LOAD(BX, registers_Flags)
	PUBLISH(BX, registers_R11)
	PUBLISH(BX, registers_Flags)
	PUBLISH($const_selUserCode, registers_CS)
	PUBLISH($const_selUserData, registers_SS)
	RDFSBASE_BX
	SAVE(BX, registers_FSBase)
	PUBLISH(BX, registers_FSBase)
	RDGSBASE_BX
	SAVE(BX, registers_GSBase)
	PUBLISH(BX, registers_GSBase)

	MOVQ	LINK(Link_Gate)(DI), R9
	MOVQ	LINK(Link_GateBadge)(DI), R10
	MOVL	$(const_kindSyscall|const_eventLive), R8 // vector and flags are 0
	JMP	·deliver(SB)

	// A reply of a server: to the event that was delivered last, to resume the thread or to
	// forward its fault, nothing else to run? Until that is sure no register is used that
	// has an argument in it.
server:
	CMPQ	AX, $const_callReplyWait
	JNE	sync
	MOVQ	CPU(perProcessor_scratch), CX
	CMPQ	CX, LINK(Link_WaitHandle)(DI)
	JNE	call
	LAST(call)
	CMPL	CPU(perProcessor_hold), $0
	JNE	call
	TESTQ	$~const_shortReplies, R10
	JNE	yield
resume:
	KEEP
	MOVQ	$const_StateReady, LINK(Link_State)(DI)
	MOVQ	LINK(Link_Frame)(DI), R11
	CMPQ	R10, $const_plainResult
	JNE	groups
	COPY(FRAME(registers_AX), REG(registers_AX))
own:
	LOAD_VECTORS
	LEAQ	REG(0), R11
	JMP	·intoRing3(SB)

	// All the registers that a trap saves, as handlers of signals and the return from them
	// change, are loaded right out of the frame. None makes IRET fault: the instruction
	// pointer is canonical, the selectors are the context's.
groups:
	TESTQ	R10, R10
	JEQ	own
	MOVQ	R10, AX
	ANDQ	$~(const_liveReply|const_plainResult), AX
	CMPQ	AX, $const_wholeReply
	JNE	take
	MOVQ	FRAME(registers_IP), AX
	SHRQ	$47, AX
	JNE	take
	CMPQ	REG(registers_CS), $const_selUserCode
	JNE	take
	MOVQ	FRAME(registers_Flags), AX
	ANDQ	$const_flagsUser, AX
	ORQ	$const_flagsFixed, AX
	MOVQ	AX, FRAME(registers_Flags)
	MOVQ	$1, Context_slow(DI)
	TESTQ	$const_liveReply, R10
	JNE	live
	LOAD_VECTORS
live:
	LEAQ	FRAME(0), R11
	JMP	·intoRing3(SB)

	// Other groups are taken by Go: Resume.
take:
	TESTQ	$const_liveReply, R10
	JEQ	saved
	SAVE_VECTORS
saved:
	MOVQ	DI, CPU(perProcessor_current)
	MOVQ	R10, Context_Code(DI)
	MOVQ	$const_trapReply, Context_Trap(DI)
	TO_GO

	// Who yields and is alone goes on.
yield:
	MOVQ	R10, R8
	XORQ	$const_actionYield, R8
	TESTQ	$~const_shortReplies, R8
	JNE	forward
	CMPL	CPU(perProcessor_ready), $0
	JNE	call
	MOVQ	R8, R10
	JMP	resume

	// A fault that was not resolved goes on to the gate of the program's other traps, if a server waits there.
	// The program's registers are in its frame.
forward:
	MOVQ	R10, R8
	SUBQ	$const_forwardReply, R8
	TESTQ	$~const_forwardClasses, R8
	JNE	call
	CMPQ	LINK(Link_Kind)(CX), $const_kindFault
	JNE	call
	MOVQ	LINK(Link_B)(CX), R14
	CMPQ	R14, $0xff
	JHI	call // it was forwarded already
	MOVQ	LINK(Link_Gate)(CX), R9
	CMPQ	Gate_Waiter(R9), $0
	JEQ	call
	KEEP
	MOVQ	R10, R8
	SHLQ	$8, R8 // the class becomes the flags of the event
	XORQ	$const_forwardToFault, R8
	SHRQ	$(const_replyClassShift-8), R10
	ORQ	R10, R14
	MOVQ	R14, LINK(Link_B)(DI)
	MOVQ	LINK(Link_A)(DI), R13
	MOVQ	LINK(Link_GateBadge)(DI), R10
	MOVQ	LINK(Link_Frame)(DI), R11
	TICKS
	MOVQ	AX, CPU(perProcessor_resumed) // the time since then was not the program's
	JMP	·deliver(SB)

	// The vectors that were saved of the program whose event was delivered last are loaded: with the lazy
	// ones, which are still there, that is all of its state. The server keeps all its other registers.
sync:
	CMPQ	AX, $const_callSync
	JNE	call
	CMPQ	CPU(perProcessor_scratch), $const_liveGroup
	JNE	call
	LAST(call)
	MOVQ	CX, DI
	LOAD_VECTORS
	MOVQ	CPU(perProcessor_current), DI
	LOAD(CX, registers_IP)
	XORL	AX, AX
	MOVL	$const_flagsFixed, R11
	SYSRETQ64

	// Any other call of a server.
call:
	SAVE_GENERAL
	SAVE(SP, registers_SP)
	MOVQ	$0, Context_slow(DI)
	MOVQ	$0, Context_vectors(DI)
long:
	SAVE_BASES
	MOVQ	$const_selUserCode, REG(registers_CS)
	MOVQ	$const_TrapSyscall, Context_Trap(DI)
	JMP	·leave(SB)

// The event of the program in DI, whose registers are saved and in its frame, goes to
// the server that waits at the gate in R9. R11 is the frame, R10 the badge, R8 kind, vector
// and flags as in the frame, R13 and R14 the arguments of the event.
TEXT ·deliver(SB),NOSPLIT|NOFRAME,$0
	MOVQ	Gate_Waiter(R9), CX
	MOVQ	$const_StateDelivered, LINK(Link_State)(DI)
	MOVQ	R9, LINK(Link_At)(DI)
	MOVQ	DI, Gate_Last(R9)
	MOVQ	$0, Gate_Waiter(R9)
	// Time of the event, and of the program.
	TICKS
	MOVQ	AX, SI
	SUBQ	CPU(perProcessor_resumed), SI
	ADDQ	LINK(Link_User)(DI), SI
	MOVQ	SI, LINK(Link_User)(DI)
	SUBQ	CPU(perProcessor_clock+Clock_Start), AX
	MOVQ	CPU(perProcessor_clock+Clock_Mult), R9
	NANOSECONDS
	MOVQ	AX, EVENT(header_Time)
	MOVQ	SI, AX
	NANOSECONDS
	MOVQ	AX, EVENT(header_UserTime)

	MOVQ	R8, EVENT(header_Kind)
	MOVWLZX	R8, R15
	MOVQ	R15, LINK(Link_Kind)(DI)
	MOVQ	R10, EVENT(header_Badge)
	MOVQ	LINK(Link_Sequence)(DI), R8
	INCQ	R8
	MOVQ	R8, LINK(Link_Sequence)(DI)
	MOVQ	R8, EVENT(header_Sequence)
	MOVQ	LINK(Link_Name)(DI), SI
	MOVQ	SI, EVENT(header_Thread)
	INCQ	CPU(perProcessor_short)

	// The server: what it kept, and the results of its wait.
	MOVQ	CX, DI
	MOVQ	DI, CPU(perProcessor_current)
	MOVQ	$const_StateReady, LINK(Link_State)(DI)
	LDMXCSR	·kernelMXCSR(SB)
	LOAD_SPACE(loaded)
	LOAD(AX, registers_FSBase)
	WRFSBASE_AX
	MOVQ	R15, AX
	MOVQ	R10, DX
	MOVQ	R13, R9
	MOVQ	R14, R10
	LOAD(CX, registers_IP)
	LOAD(SP, registers_SP)
	LOAD(BP, registers_BP)
	MOVQ	EVENT(header_Time), DI
	MOVL	$const_flagsFixed, R11
	SYSRETQ64
