#include "go_asm.h"
#include "textflag.h"

// Kernel calls on amd64. The register convention is callnum's: RAX number, RDI
// RSI RDX R10 R8 R9 arguments; out RAX status, RDX RSI R8 RDI R9 R10 results;
// RCX, R11 and all XMM registers are lost; RBP, RSP and the FS base (where the
// runtime keeps g) are kept, and what else Go's calls of assembly do not keep anyhow.
// Go zeroes X15 and takes g from there afterwards.

// NEXT makes the call in the Transport in CX.
#define NEXT \
	MOVL	endpoint+8(FP), DI; \
	MOVQ	(Transport_next+registers_number)(CX), AX; \
	MOVQ	(Transport_next+registers_a1)(CX), SI; \
	MOVQ	(Transport_next+registers_a2)(CX), DX; \
	MOVQ	(Transport_next+registers_a3)(CX), R10; \
	MOVQ	(Transport_next+registers_a4)(CX), R8; \
	MOVQ	(Transport_next+registers_a5)(CX), R9; \
	MOVQ	$const_callWait, (Transport_next+registers_number)(CX); \
	SYSCALL

// func wait(t *Transport, endpoint ipc.Handle, ev *ipc.Event) (status int64, arg0, arg1 uint64)
TEXT ·wait(SB),NOSPLIT,$0-48
	MOVQ	t+0(FP), CX
	CMPQ	const_liveState(CX), $const_liveFresh
	JNE	live
ordinary:
	NEXT
done:
	MOVQ	ev+16(FP), BX
	MOVQ	AX, status+24(FP)
	MOVL	AX, 0(BX)	// kind; vector 0
	MOVQ	DX, const_eventBadge(BX)
	MOVQ	SI, const_eventThread(BX)
	MOVQ	R8, const_eventSeq(BX)
	MOVQ	DI, const_eventTime(BX)
	MOVQ	R9, arg0+32(FP)
	MOVQ	R10, arg1+40(FP)
	RET

	// The state of a reply with maskLive stays known when the reply is refused.
live:
	MOVQ	const_liveState(CX), BX
	CMPQ	BX, $const_liveCalled
	JEQ	called
	MOVL	$-1, AX
	MOVL	AX, DX
	XRSTOR64	(BX)
	NEXT
	TESTQ	AX, AX
	JLT	done
	MOVQ	t+0(FP), CX
	MOVQ	$const_liveFresh, const_liveState(CX)
	JMP	done
called:
	MOVQ	$const_liveFresh, const_liveState(CX)
	JMP	ordinary

// func enter(r *registers)
TEXT ·enter(SB),NOSPLIT,$0-8
	MOVQ	r+0(FP), BX
	MOVQ	registers_number(BX), AX
	MOVQ	registers_a0(BX), DI
	MOVQ	registers_a1(BX), SI
	MOVQ	registers_a2(BX), DX
	MOVQ	registers_a3(BX), R10
	MOVQ	registers_a4(BX), R8
	MOVQ	registers_a5(BX), R9
	SYSCALL
	MOVQ	AX, registers_number(BX)
	MOVQ	DI, registers_a0(BX)
	MOVQ	SI, registers_a1(BX)
	MOVQ	DX, registers_a2(BX)
	MOVQ	R10, registers_a3(BX)
	MOVQ	R8, registers_a4(BX)
	MOVQ	R9, registers_a5(BX)
	RET

// func save(name, sequence uint64, area uintptr) (status int64)
TEXT ·save(SB),NOSPLIT,$0-32
	MOVL	$const_maskLive, DI
	MOVQ	name+0(FP), SI
	MOVQ	sequence+8(FP), DX
	MOVL	$const_callSync, AX
	SYSCALL
	MOVQ	AX, status+24(FP)
	TESTQ	AX, AX
	JNE	elsewhere
	MOVQ	area+16(FP), BX
	MOVL	$-1, AX
	MOVL	AX, DX
	XSAVE64	(BX)
	LDMXCSR	·mxcsr(SB)
elsewhere:
	RET

// What it is for Go: all exceptions masked (SDM 1 11.6.4).
DATA	·mxcsr(SB)/4, $0x1f80
GLOBL	·mxcsr(SB), RODATA, $4

// func ticks() uint64
TEXT ·ticks(SB),NOSPLIT,$0-8
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+0(FP)
	RET
