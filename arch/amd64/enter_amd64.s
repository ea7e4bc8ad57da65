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
	JMP	·intoRing3(SB)

// Loads space and registers of the thread in DI.
TEXT ·intoRing3(SB),NOSPLIT|NOFRAME,$0
	MOVQ	DI, CPU(perProcessor_current)
	LOAD_SPACE(loaded)
	MOVQ	REG(registers_FSBase), AX
	WRFSBASE_AX
	MOVQ	REG(registers_GSBase), AX
	WRGSBASE_AX
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, CPU(perProcessor_resumed)
	CMPQ	Context_vectors(DI), $0
	JEQ	general
	LOAD_VECTORS
general:
	LOAD_KEPT
	MOVQ	REG(registers_R10), R10
	MOVQ	REG(registers_R9), R9
	MOVQ	REG(registers_R8), R8
	MOVQ	REG(registers_AX), AX
	MOVQ	REG(registers_DX), DX
	MOVQ	REG(registers_SI), SI
	CMPQ	Context_slow(DI), $0
	JNE	slow
	MOVQ	REG(registers_IP), CX
	MOVQ	REG(registers_Flags), R11
	MOVQ	REG(registers_SP), SP
	MOVQ	REG(registers_DI), DI
	SYSRETQ64
slow:
	MOVQ	CPU(perProcessor_goSP), SP // coming from the short way it is the server's
	PUSHQ	REG(registers_SS)
	PUSHQ	REG(registers_SP)
	PUSHQ	REG(registers_Flags)
	PUSHQ	REG(registers_CS)
	PUSHQ	REG(registers_IP)
	MOVQ	REG(registers_R11), R11
	MOVQ	REG(registers_CX), CX
	MOVQ	REG(registers_DI), DI
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
	CLD
	MOVQ	DI, CPU(perProcessor_scratch)
	MOVQ	CPU(perProcessor_current), DI
	SAVE_GENERAL
	MOVQ	CPU(perProcessor_scratch), AX
	MOVQ	AX, REG(registers_DI)
	MOVQ	$-1, REG(registers_OrigAX)
	MOVQ	0(SP), AX
	MOVQ	AX, Context_Trap(DI)
	MOVQ	8(SP), AX
	MOVQ	AX, Context_Code(DI)
	MOVQ	16(SP), AX
	MOVQ	AX, REG(registers_IP)
	MOVQ	24(SP), AX
	MOVQ	AX, REG(registers_CS)
	CMPQ	AX, $const_selUserCode
	JEQ	code64
	MOVQ	$0, LINK(Link_Gate)(DI) // the short way knows 64-bit code only
code64:
	MOVQ	32(SP), AX
	MOVQ	AX, REG(registers_Flags)
	MOVQ	40(SP), AX
	MOVQ	AX, REG(registers_SP)
	MOVQ	48(SP), AX
	MOVQ	AX, REG(registers_SS)
	MOVQ	CR2, AX
	MOVQ	AX, Context_Address(DI)
	MOVQ	$1, Context_slow(DI)
	MOVQ	$1, Context_vectors(DI)
	SAVE_VECTORS
	LEAVE

	// From ring 0: an interrupt ends Halt; debug exceptions and NMIs in the entry
	// window are ignored; a fault of the IRET to ring 3 belongs to the thread. All
	// else is a broken kernel.
kernel:
	CMPQ	0(SP), $const_firstInterrupt
	JLT	exception
	MOVQ	0(SP), AX
	GO_STACK
	MOVQ	AX, 8(SP) // the result of halt
	RET
exception:
	CMPQ	0(SP), $const_vectorNMI
	JEQ	ignore
	CMPQ	0(SP), $const_vectorDebug
	JEQ	ignore
	MOVQ	AX, CPU(perProcessor_scratch)
	LEAQ	·returnToRing3(SB), AX
	CMPQ	AX, 16(SP)
	JNE	broken
	// The registers were all loaded from the context: nothing needs saving.
	MOVQ	CPU(perProcessor_current), DI
	MOVQ	0(SP), AX
	MOVQ	AX, Context_Trap(DI)
	MOVQ	8(SP), AX
	MOVQ	AX, Context_Code(DI)
	MOVQ	$-1, REG(registers_OrigAX)
	MOVQ	$1, Context_vectors(DI)
	LEAVE
ignore:
	INCQ	CPU(perProcessor_stray)
	ADDQ	$16, SP
	IRETQ
broken:
	PUSHQ	R15
	PUSHQ	R14
	PUSHQ	R13
	PUSHQ	R12
	PUSHQ	R11
	PUSHQ	R10
	PUSHQ	R9
	PUSHQ	R8
	PUSHQ	DI
	PUSHQ	SI
	PUSHQ	BP
	PUSHQ	DX
	PUSHQ	CX
	PUSHQ	BX
	PUSHQ	CPU(perProcessor_scratch)
	MOVQ	SP, AX
	ANDQ	$~15, SP
	SUBQ	$16, SP
	MOVQ	AX, 0(SP)
	CALL	·brokenKernel(SB)
	UNDEF

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

// func syscallEntries() (entry, entry32 uint64)
TEXT ·syscallEntries(SB),NOSPLIT,$0-16
	LEAQ	·syscallEntry(SB), AX
	MOVQ	AX, entry+0(FP)
	LEAQ	·syscallEntry32(SB), AX
	MOVQ	AX, entry32+8(FP)
	RET

// func trapStubs() uint64
TEXT ·trapStubs(SB),NOSPLIT,$0-8
	LEAQ	·vectors(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

DATA	·kernelMXCSR(SB)/4, $const_mxcsrInitial
GLOBL	·kernelMXCSR(SB), RODATA, $4
