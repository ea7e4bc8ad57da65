#include "go_asm.h"
#include "textflag.h"

// Kernel calls on amd64. The register convention is callnum's: RAX number, RDI
// RSI RDX R10 R8 R9 arguments; out RAX status, RDX RSI R8 RDI R9 R10 results;
// RCX, R11 and all XMM registers are lost; RBP, RSP and the FS base (where the
// runtime keeps g) are kept, and what else Go's calls of assembly do not keep anyhow.
// Go zeroes X15 and takes g from there afterwards.

// func wait(t *Transport, endpoint ipc.Handle, ev *ipc.Event) (status int64, arg0, arg1 uint64)
TEXT ·wait(SB),NOSPLIT,$0-48
	MOVQ	t+0(FP), CX
	MOVL	endpoint+8(FP), DI
	MOVQ	(Transport_next+registers_number)(CX), AX
	MOVQ	(Transport_next+registers_a1)(CX), SI
	MOVQ	(Transport_next+registers_a2)(CX), DX
	MOVQ	(Transport_next+registers_a3)(CX), R10
	MOVQ	(Transport_next+registers_a4)(CX), R8
	MOVQ	(Transport_next+registers_a5)(CX), R9
	MOVQ	$const_callWait, (Transport_next+registers_number)(CX)
	SYSCALL
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

// func sync(mask, name, sequence uint64) (status int64)
TEXT ·sync(SB),NOSPLIT,$0-32
	MOVQ	mask+0(FP), DI
	MOVQ	name+8(FP), SI
	MOVQ	sequence+16(FP), DX
	MOVL	$const_callSync, AX
	SYSCALL
	MOVQ	AX, status+24(FP)
	RET

// func ticks() uint64
TEXT ·ticks(SB),NOSPLIT,$0-8
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+0(FP)
	RET
