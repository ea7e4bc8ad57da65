#include "go_asm.h"
#include "go_tls.h"
#include "textflag.h"

// The stack of bareCall. print and throw run on it too.
#define STACK 32768

GLOBL	·bareStack(SB), NOPTR, $STACK

// oscall takes the place of the SYSCALL instruction of linux/amd64:
//	in	AX number, DI SI DX R10 R8 R9 arguments
//	out	AX result
//	clobbers CX, R11 and the flags as SYSCALL does, and X0 to X15
// The caller may be on any stack, with any room left, before TLS exists.
TEXT runtime·oscall(SB),NOSPLIT|NOFRAME,$0-0
	CMPQ	AX, $158	// arch_prctl(ARCH_SET_FS, SI) makes the TLS that g below needs
	JNE	other
	JMP	runtime·bareSetTLS(SB)
other:
	MOVQ	SP, R11
	// throw in bareCall calls write: then stay on the stack.
	LEAQ	·bareStack(SB), CX
	CMPQ	SP, CX
	JB	switch
	ADDQ	$STACK, CX
	CMPQ	SP, CX
	JBE	save
switch:
	LEAQ	·bareStack+STACK(SB), SP
save:
	PUSHQ	R11
	PUSHQ	BX
	PUSHQ	BP
	PUSHQ	DI
	PUSHQ	SI
	PUSHQ	DX
	PUSHQ	R8
	PUSHQ	R9
	PUSHQ	R10
	PUSHQ	R12
	PUSHQ	R13
	PUSHQ	R14
	PUSHQ	R15
	get_tls(CX)
	MOVQ	g(CX), R12
	PUSHQ	R12
	LEAQ	·bareG(SB), R13
	LEAQ	·bareStack(SB), R11
	MOVQ	R11, (g_stack+stack_lo)(R13)
	LEAQ	const_stackGuard(R11), R14
	MOVQ	R14, g_stackguard0(R13)
	MOVQ	R14, g_stackguard1(R13)
	ADDQ	$STACK, R11
	MOVQ	R11, (g_stack+stack_hi)(R13)
	LEAQ	runtime·m0(SB), R11
	MOVQ	R11, g_m(R13)
	MOVQ	R13, g(CX)
	SUBQ	$64, SP
	MOVQ	AX, 0(SP)
	MOVQ	DI, 8(SP)
	MOVQ	SI, 16(SP)
	MOVQ	DX, 24(SP)
	MOVQ	R10, 32(SP)
	MOVQ	R8, 40(SP)
	MOVQ	R9, 48(SP)
	XORL	BP, BP	// ends a walk over frame pointers
	CLD
	// An indirect call: the linker's check of stack use must not add this
	// chain, which has its own stack, to the caller's.
	MOVQ	$·bareCall(SB), AX
	CALL	AX
	MOVQ	56(SP), AX
	ADDQ	$64, SP
	POPQ	R12
	get_tls(CX)
	MOVQ	R12, g(CX)
	POPQ	R15
	POPQ	R14
	POPQ	R13
	POPQ	R12
	POPQ	R10
	POPQ	R9
	POPQ	R8
	POPQ	DX
	POPQ	SI
	POPQ	DI
	POPQ	BP
	POPQ	BX
	POPQ	SP
	RET

// func bareTicks() int64
// The counter behind the clock. It is constant-rate on every processor that has
// long mode and matters (SDM 3B 17.17.1), and in TCG.
TEXT ·bareTicks(SB),NOSPLIT,$0-8
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+0(FP)
	RET
