#include "go_asm.h"
#include "textflag.h"
#include "entry_amd64.h"

// Entry to and exit from ring 3.
//
// Go calls enter(c); the next trap from ring 3 returns from that call. Between
// the two only this file runs in ring 0. Interrupts are off throughout.
// The system calls of programs, and the replies to them, have a shorter way that does
// not come to Go: short_amd64.s. The macros of both are in entry_amd64.h.

// func enter(c *Context)
//
// Goes to ring 3 with the registers of c. Go's assembler convention lets it change
// every register but SP, BP and FS base.
TEXT ·enter(SB),NOSPLIT|NOFRAME,$0-8
	MOVQ	c+0(FP), DI
	MOVQ	SP, CPU(perProcessor_goSP)
	MOVQ	BP, CPU(perProcessor_goBP)
	LEAQ	REG(0), R11
	CMPQ	Context_vectors(DI), $0
	JEQ	loaded
	LOAD_VECTORS
loaded:
	JMP	·intoRing3(SB)

// Loads the space of the thread in DI, whose vectors are loaded, and the registers in R11: its
// own, or those of its frame, made safe.
TEXT ·intoRing3(SB),NOSPLIT|NOFRAME,$0
	MOVQ	DI, CPU(perProcessor_current)
	LOAD_SPACE(loaded)
	MOVQ	REG(registers_FSBase), AX
	WRFSBASE_AX
	MOVQ	REG(registers_GSBase), AX
	WRGSBASE_AX
	TICKS
	MOVQ	AX, CPU(perProcessor_resumed)
	EACH(LOAD_FROM)
	CMPQ	Context_slow(DI), $0
	JNE	slow
	LOAD_FROM(CX, registers_IP)
	LOAD_FROM(SP, registers_SP)
	LOAD_FROM(DI, registers_DI)
	LOAD_FROM(R11, registers_Flags)
	SYSRETQ64
slow:
	MOVQ	CPU(perProcessor_goSP), SP // coming from the short way it is the server's
	PUSHQ	REG(registers_SS)
	PUSHQ	registers_SP(R11)
	PUSHQ	registers_Flags(R11)
	PUSHQ	REG(registers_CS)
	PUSHQ	registers_IP(R11)
	LOAD_FROM(CX, registers_CX)
	LOAD_FROM(DI, registers_DI)
	LOAD_FROM(R11, registers_R11)
	JMP	·returnToRing3(SB)

// The one IRET that goes to ring 3. When it faults, because of what the thread's
// registers hold, trapStub finds this address on the stack.
TEXT ·returnToRing3(SB),NOSPLIT|NOFRAME,$0
	IRETQ

// SYSCALL from 32-bit code (CSTAR), on processors that allow it there: there
// is no such call here, so it becomes an invalid-opcode exception of the instruction.
TEXT ·syscallEntry32(SB),NOSPLIT|NOFRAME,$0
	MOVQ	SP, CPU(perProcessor_scratch)
	LEAQ	·trapStacks+const_trapStackBytes(SB), SP
	PUSHQ	$const_selUserData
	PUSHQ	CPU(perProcessor_scratch)
	PUSHQ	R11
	PUSHQ	$const_selUser32
	SUBQ	$2, CX
	PUSHQ	CX
	PUSHQ	$0
	PUSHQ	$6
	JMP	·trapStub(SB)

// Every vector comes here from its stub with, from SP up: vector, error code,
// IP, CS, flags, SP, SS.
TEXT ·trapStub(SB),NOSPLIT|NOFRAME,$0
	TESTB	$3, 24(SP)
	JEQ	kernel
	JMP	·trap(SB)

	// From ring 0: an interrupt ends Halt; debug exceptions and NMIs in the entry
	// window are ignored; a fault of the IRET to ring 3 belongs to the thread. All
	// else is a broken kernel.
kernel:
	CMPQ	0(SP), $const_firstInterrupt
	JLT	inside
	MOVQ	0(SP), AX
	GO_STACK
	MOVQ	AX, 8(SP) // the result of halt
	RET
inside:
	CMPQ	0(SP), $const_vectorNMI
	JEQ	ignore
	CMPQ	0(SP), $const_vectorDebug
	JEQ	ignore
	MOVQ	AX, CPU(perProcessor_scratch)
	LEAQ	·returnToRing3(SB), AX
	CMPQ	AX, 16(SP)
	JNE	broken
	// The registers were all loaded from the context, or could not fault: nothing needs saving.
	MOVQ	CPU(perProcessor_current), DI
	POPQ	Context_Trap(DI)
	POPQ	Context_Code(DI)
	MOVQ	$-1, REG(registers_OrigAX)
	MOVQ	$1, Context_vectors(DI)
	JMP	·leave(SB)
ignore:
	INCQ	CPU(perProcessor_stray)
	ADDQ	$16, SP
	IRETQ
broken:
	PUSHQ	DI
	LEAQ	·brokenState(SB), DI
	SAVE_GENERAL
	MOVQ	CR2, AX
	MOVQ	AX, Context_Address(DI)
	POPQ	REG(registers_DI)
	COPY(CPU(perProcessor_scratch), REG(registers_AX))
	MOVQ	SP, AX
	ANDQ	$~15, SP
	SUBQ	$16, SP
	MOVQ	AX, 0(SP)
	CALL	·brokenKernel(SB)
	UNDEF

// A trap of ring 3; the stack is trapStub's.
TEXT ·trap(SB),NOSPLIT|NOFRAME,$0
	CLD
	MOVQ	DI, CPU(perProcessor_scratch)
	MOVQ	CPU(perProcessor_current), DI
	SAVE_GENERAL
	MOVQ	$-1, REG(registers_OrigAX)
	POPQ	Context_Trap(DI)
	POPQ	Context_Code(DI)
	POPQ	REG(registers_IP)
	POPQ	REG(registers_CS)
	POPQ	REG(registers_Flags)
	POPQ	REG(registers_SP)
	POPQ	REG(registers_SS)
	MOVQ	Context_Trap(DI), R12
	MOVQ	Context_Code(DI), R14
	MOVQ	CR2, R13
	MOVQ	R13, Context_Address(DI)
	MOVQ	$1, Context_slow(DI)
	MOVQ	$1, Context_vectors(DI)
	SAVE_VECTORS
	SAVE_BASES
	CMPQ	REG(registers_CS), $const_selUserCode
	JEQ	code64
	LEAQ	·noGate(SB), BX // the short way is for 64-bit code only
	MOVQ	BX, LINK(Link_Gate)(DI)
	MOVQ	BX, LINK(Link_FaultGate)(DI)
code64:
	XORL	R15, R15
	CMPQ	R12, $const_vectorDebug
	JNE	ordinary
	MOVQ	DR6, R15
	MOVQ	R15, (Context_debug+breakpoints_DR6)(DI)
	MOVL	$const_dr6Fixed, AX // every handler must clear it (SDM 3B 18.2.3)
	MOVQ	AX, DR6
ordinary:
	// The short way: R13 and R14 become the arguments of the event, R8 kind and vector, R15
	// the debug status.
	CMPQ	R12, $const_vectorPageFault
	JNE	exception
	MOVQ	LINK(Link_FaultGate)(DI), R9
	MOVQ	LINK(Link_FaultBadge)(DI), R10
	MOVL	$const_kindFault, R8
	ANDL	$const_faultBits, R14
	LEAQ	·accesses(SB), AX
	MOVBQZX	(AX)(R14*1), R14
	JMP	publish
exception:
	CMPQ	R12, $const_firstInterrupt
	JGE	long
	CMPQ	R12, $const_vectorNMI
	JEQ	long
	MOVQ	LINK(Link_Gate)(DI), R9
	MOVQ	LINK(Link_GateBadge)(DI), R10
	MOVQ	R12, R13
	MOVQ	R12, R8
	SHLQ	$16, R8
	ORQ	$(const_kindException|const_eventLive), R8
publish:
	CMPQ	Gate_Waiter(R9), $0
	JEQ	long
	MOVQ	R13, LINK(Link_A)(DI)
	MOVQ	R14, LINK(Link_B)(DI)
	MOVQ	LINK(Link_Frame)(DI), R11
	COPY(Context_Address(DI), EVENT(header_Address))
	COPY(Context_Code(DI), EVENT(header_Error))
	MOVQ	R15, EVENT(header_DebugStatus)
	MOVQ	DI, R12
	LEAQ	REG(0), SI
	LEAQ	FRAME(0), DI
	MOVL	$(registers__size/8), CX
	REP; MOVSQ
	MOVQ	R12, DI
	JMP	·deliver(SB)
long:
	JMP	·leave(SB)

// The way back to Go, with the bases saved: the time, and the Go caller's stack.
TEXT ·leave(SB),NOSPLIT|NOFRAME,$0
	LDMXCSR	·kernelMXCSR(SB)
	TICKS
	MOVQ	AX, Context_Entered(DI)
	SUBQ	CPU(perProcessor_resumed), AX
	ADDQ	AX, LINK(Link_User)(DI)
	TO_GO

// func halt() (vector uint64)
//
// Waits for an interrupt with interrupts on (STI takes effect after HLT has
// begun, SDM 2B STI) and returns its vector with interrupts off.
TEXT ·halt(SB),NOSPLIT|NOFRAME,$0-8
	MOVQ	SP, CPU(perProcessor_goSP)
	MOVQ	BP, CPU(perProcessor_goBP)
again:
	STI
	HLT
	JMP	again // an NMI

// func entryPoints() (syscall, syscall32, traps uint64)
TEXT ·entryPoints(SB),NOSPLIT,$0-24
	LEAQ	·syscallEntry(SB), AX
	MOVQ	AX, syscall+0(FP)
	LEAQ	·syscallEntry32(SB), AX
	MOVQ	AX, syscall32+8(FP)
	LEAQ	·vectors(SB), AX
	MOVQ	AX, traps+16(FP)
	RET

DATA	·kernelMXCSR(SB)/4, $const_mxcsrInitial
GLOBL	·kernelMXCSR(SB), RODATA, $4
