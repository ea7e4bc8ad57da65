#include "go_asm.h"
#include "textflag.h"

// Entry to and exit from ring 3.
//
// Go calls enter(c); the next trap from ring 3 returns from that call. Between
// the two only this file runs in ring 0. Interrupts are off throughout.
//
// Instructions that the Go assembler lacks:
#define RDFSBASE_BX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xc3
#define RDGSBASE_BX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xcb
#define WRFSBASE_AX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xd0
#define WRGSBASE_AX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xd8
#define SYSRETQ64 BYTE $0x48; BYTE $0x0f; BYTE $0x07

#define REG(r) (Context_Regs+r)(DI)
#define CPU(f) ·processor+f(SB)

#define SAVE_GENERAL \
	MOVQ	R15, REG(const_regR15); \
	MOVQ	R14, REG(const_regR14); \
	MOVQ	R13, REG(const_regR13); \
	MOVQ	R12, REG(const_regR12); \
	MOVQ	BP, REG(const_regBP); \
	MOVQ	BX, REG(const_regBX); \
	MOVQ	R11, REG(const_regR11); \
	MOVQ	R10, REG(const_regR10); \
	MOVQ	R9, REG(const_regR9); \
	MOVQ	R8, REG(const_regR8); \
	MOVQ	AX, REG(const_regAX); \
	MOVQ	CX, REG(const_regCX); \
	MOVQ	DX, REG(const_regDX); \
	MOVQ	SI, REG(const_regSI)

// SAVE_VECTORS wants the XSAVE image in AX.
#define SAVE_VECTORS \
	MOVUPS	X0, (const_areaXMM+0)(AX); \
	MOVUPS	X1, (const_areaXMM+16)(AX); \
	MOVUPS	X2, (const_areaXMM+32)(AX); \
	MOVUPS	X3, (const_areaXMM+48)(AX); \
	MOVUPS	X4, (const_areaXMM+64)(AX); \
	MOVUPS	X5, (const_areaXMM+80)(AX); \
	MOVUPS	X6, (const_areaXMM+96)(AX); \
	MOVUPS	X7, (const_areaXMM+112)(AX); \
	MOVUPS	X8, (const_areaXMM+128)(AX); \
	MOVUPS	X9, (const_areaXMM+144)(AX); \
	MOVUPS	X10, (const_areaXMM+160)(AX); \
	MOVUPS	X11, (const_areaXMM+176)(AX); \
	MOVUPS	X12, (const_areaXMM+192)(AX); \
	MOVUPS	X13, (const_areaXMM+208)(AX); \
	MOVUPS	X14, (const_areaXMM+224)(AX); \
	MOVUPS	X15, (const_areaXMM+240)(AX); \
	STMXCSR	const_areaMXCSR(AX)

#define GO_STACK \
	MOVQ	CPU(perProcessor_goSP), SP; \
	MOVQ	CPU(perProcessor_goBP), BP

// LEAVE is the way back to Go: the bases of FS and GS, which ring 3 can change by
// itself, the time, and the Go caller's stack.
#define LEAVE \
	RDFSBASE_BX; \
	MOVQ	BX, REG(const_regFSBase); \
	RDGSBASE_BX; \
	MOVQ	BX, REG(const_regGSBase); \
	LDMXCSR	·kernelMXCSR(SB); \
	RDTSC; \
	SHLQ	$32, DX; \
	ORQ	DX, AX; \
	MOVQ	AX, Context_Entered(DI); \
	MOVQ	CPU(perProcessor_goFS), AX; \
	WRFSBASE_AX; \
	GO_STACK; \
	RET

// func enter(c *Context)
//
// Loads the space and the registers of c and goes to ring 3. Go's assembler
// convention lets it change every register but SP, BP and FS base.
TEXT ·enter(SB),NOSPLIT|NOFRAME,$0-8
	MOVQ	c+0(FP), DI
	MOVQ	SP, CPU(perProcessor_goSP)
	MOVQ	BP, CPU(perProcessor_goBP)
	MOVQ	DI, CPU(perProcessor_current)
	MOVQ	Context_root(DI), AX
	CMPQ	AX, CPU(perProcessor_root)
	JEQ	loaded
	MOVQ	AX, CPU(perProcessor_root)
	MOVQ	AX, CR3
	INCQ	CPU(perProcessor_switches)
loaded:
	MOVQ	REG(const_regFSBase), AX
	WRFSBASE_AX
	MOVQ	REG(const_regGSBase), AX
	WRGSBASE_AX
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, CPU(perProcessor_resumed)
	CMPQ	Context_vectors(DI), $0
	JEQ	general
	MOVQ	Context_xsave(DI), AX
	MOVUPS	(const_areaXMM+0)(AX), X0
	MOVUPS	(const_areaXMM+16)(AX), X1
	MOVUPS	(const_areaXMM+32)(AX), X2
	MOVUPS	(const_areaXMM+48)(AX), X3
	MOVUPS	(const_areaXMM+64)(AX), X4
	MOVUPS	(const_areaXMM+80)(AX), X5
	MOVUPS	(const_areaXMM+96)(AX), X6
	MOVUPS	(const_areaXMM+112)(AX), X7
	MOVUPS	(const_areaXMM+128)(AX), X8
	MOVUPS	(const_areaXMM+144)(AX), X9
	MOVUPS	(const_areaXMM+160)(AX), X10
	MOVUPS	(const_areaXMM+176)(AX), X11
	MOVUPS	(const_areaXMM+192)(AX), X12
	MOVUPS	(const_areaXMM+208)(AX), X13
	MOVUPS	(const_areaXMM+224)(AX), X14
	MOVUPS	(const_areaXMM+240)(AX), X15
	LDMXCSR	const_areaMXCSR(AX)
general:
	MOVQ	REG(const_regR15), R15
	MOVQ	REG(const_regR14), R14
	MOVQ	REG(const_regR13), R13
	MOVQ	REG(const_regR12), R12
	MOVQ	REG(const_regBP), BP
	MOVQ	REG(const_regBX), BX
	MOVQ	REG(const_regR10), R10
	MOVQ	REG(const_regR9), R9
	MOVQ	REG(const_regR8), R8
	MOVQ	REG(const_regAX), AX
	MOVQ	REG(const_regDX), DX
	MOVQ	REG(const_regSI), SI
	CMPQ	Context_slow(DI), $0
	JNE	slow
	MOVQ	REG(const_regIP), CX
	MOVQ	REG(const_regFlags), R11
	MOVQ	REG(const_regSP), SP
	MOVQ	REG(const_regDI), DI
	SYSRETQ64
slow:
	PUSHQ	REG(const_regSS)
	PUSHQ	REG(const_regSP)
	PUSHQ	REG(const_regFlags)
	PUSHQ	REG(const_regCS)
	PUSHQ	REG(const_regIP)
	MOVQ	REG(const_regR11), R11
	MOVQ	REG(const_regCX), CX
	MOVQ	REG(const_regDI), DI
	JMP	·returnToRing3(SB)

// The one IRET that goes to ring 3. When it faults, because of what the thread's
// registers hold, trapStub finds this address on the stack.
TEXT ·returnToRing3(SB),NOSPLIT|NOFRAME,$0
	IRETQ

// SYSCALL from 64-bit code (LSTAR). RCX holds the instruction pointer, R11 the
// flags; the stack is still the program's.
TEXT ·syscallEntry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	DI, CPU(perProcessor_scratch)
	MOVQ	CPU(perProcessor_current), DI
	SAVE_GENERAL
	MOVQ	AX, REG(const_regOrigAX)
	MOVQ	CX, REG(const_regIP)
	MOVQ	R11, REG(const_regFlags)
	MOVQ	SP, REG(const_regSP)
	MOVQ	CPU(perProcessor_scratch), AX
	MOVQ	AX, REG(const_regDI)
	MOVQ	$const_selUserCode, REG(const_regCS)
	MOVQ	$const_selUserData, REG(const_regSS)
	MOVQ	$const_TrapSyscall, Context_Trap(DI)
	ANDQ	$(const_flagTF|const_flagRF), R11 // SYSRET would trap in the wrong place
	MOVQ	R11, Context_slow(DI)
	MOVQ	Context_program(DI), BX
	MOVQ	BX, Context_vectors(DI)
	TESTQ	BX, BX
	JEQ	server
	MOVQ	Context_xsave(DI), AX
	SAVE_VECTORS
server:
	LEAVE

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
	MOVQ	AX, REG(const_regDI)
	MOVQ	$-1, REG(const_regOrigAX)
	MOVQ	0(SP), AX
	MOVQ	AX, Context_Trap(DI)
	MOVQ	8(SP), AX
	MOVQ	AX, Context_Code(DI)
	MOVQ	16(SP), AX
	MOVQ	AX, REG(const_regIP)
	MOVQ	24(SP), AX
	MOVQ	AX, REG(const_regCS)
	MOVQ	32(SP), AX
	MOVQ	AX, REG(const_regFlags)
	MOVQ	40(SP), AX
	MOVQ	AX, REG(const_regSP)
	MOVQ	48(SP), AX
	MOVQ	AX, REG(const_regSS)
	MOVQ	CR2, AX
	MOVQ	AX, Context_Address(DI)
	MOVQ	$1, Context_slow(DI)
	MOVQ	$1, Context_vectors(DI)
	MOVQ	Context_xsave(DI), AX
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
	MOVQ	$-1, REG(const_regOrigAX)
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
