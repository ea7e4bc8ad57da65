//go:build starling_server

#include "textflag.h"

// Programs and servers that are copied into spaces of their own: everything is
// relative to the instruction pointer.

// A server that answers every message with the message itself, capability
// included. Its endpoint is in RBX. Numbers: ipc/callnum.
TEXT ·echoServer(SB),NOSPLIT|NOFRAME,$0
	MOVQ	BX, BP // waiting loses RBX
	MOVQ	BP, DI
	MOVL	$1, AX // Wait
	SYSCALL
loop:
	CMPQ	AX, $5 // EventMessage
	JNE	other
	MOVQ	R8, DX
	MOVQ	R10, R8
	MOVQ	R9, R10
	MOVQ	BP, DI
	MOVL	$6, AX // AnswerWait
	SYSCALL
	JMP	loop
other:
	UNDEF

// A server that takes a trap instead of answering.
TEXT ·brokenServer(SB),NOSPLIT|NOFRAME,$0
	MOVQ	BX, DI
	MOVL	$1, AX
	SYSCALL
	UNDEF

// A server that notifies bit 0 of the endpoint in RBX for ever.
TEXT ·notifyServer(SB),NOSPLIT|NOFRAME,$0
again:
	MOVQ	BX, DI
	MOVL	$1, SI
	MOVL	$7, AX // Notify
	SYSCALL
	JMP	again

// Keeps a pattern made from RBX in YMM0 to YMM15 and the x87 stack and looks for
// changes, RCX times. System call 1 means all held, INT3 that something changed.
TEXT ·vectorKeeper(SB),NOSPLIT|NOFRAME,$0
	MOVQ	BX, X0
	VPBROADCASTQ	X0, Y0
	VMOVDQU	Y0, Y1
	VPADDQ	Y0, Y1, Y2
	VPADDQ	Y0, Y2, Y3
	VPADDQ	Y0, Y3, Y4
	VPADDQ	Y0, Y4, Y5
	VPADDQ	Y0, Y5, Y6
	VPADDQ	Y0, Y6, Y7
	VPADDQ	Y0, Y7, Y8
	VPADDQ	Y0, Y8, Y9
	VPADDQ	Y0, Y9, Y10
	VPADDQ	Y0, Y10, Y11
	VPADDQ	Y0, Y11, Y12
	VPADDQ	Y0, Y12, Y13
	FLDPI
	PUSHQ	BX
	FMOVD	0(SP), F0 // the pattern as a number
	POPQ	AX
look:
	VPADDQ	Y0, Y12, Y14
	VPSUBQ	Y13, Y14, Y14 // zero while both hold
	VPSUBQ	Y1, Y0, Y15
	VPOR	Y15, Y14, Y14
	VPADDQ	Y0, Y5, Y15
	VPSUBQ	Y6, Y15, Y15
	VPOR	Y15, Y14, Y14
	VPTEST	Y14, Y14
	JNE	changed
	DECQ	CX
	JNE	look
	PUSHQ	AX
	FMOVDP	F0, 0(SP)
	POPQ	AX
	CMPQ	AX, BX
	JNE	changed
	MOVL	$1, AX
	SYSCALL
changed:
	INT	$3

// SYSCALL RCX times with the cost of each in ticks; the number of ticks of all in
// RAX at the last call, which has number 1.
TEXT ·benchCalls(SB),NOSPLIT|NOFRAME,$0
	MOVQ	CX, BX
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, R12
more:
	MOVL	$39, AX
	SYSCALL
	DECQ	BX
	JNE	more
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	SUBQ	R12, AX
	MOVQ	AX, DI
	MOVL	$1, AX
	SYSCALL
	UNDEF

// Makes the kernel calls that are listed from 0x700000 on, seven words each, until
// one has number 0; then it traps.
TEXT ·randomServer(SB),NOSPLIT|NOFRAME,$0
	MOVL	$0x700000, BP
each:
	MOVQ	0(BP), AX
	TESTQ	AX, AX
	JEQ	done
	MOVQ	8(BP), DI
	MOVQ	16(BP), SI
	MOVQ	24(BP), DX
	MOVQ	32(BP), R10
	MOVQ	40(BP), R8
	MOVQ	48(BP), R9
	ADDQ	$56, BP
	SYSCALL
	JMP	each
done:
	UNDEF

// A server that forwards every fault, with class 2: reads at once, others after 1<<20 ticks. Its
// endpoint is in RBX.
TEXT ·forwardServer(SB),NOSPLIT|NOFRAME,$0
	MOVQ	BX, BP
	MOVQ	BP, DI
	MOVL	$1, AX // Wait
	SYSCALL
fault:
	CMPQ	R10, $1 // a read
	JEQ	forward
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	LEAQ	(1<<20)(AX), CX
busy:
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	CMPQ	AX, CX
	JLT	busy
forward:
	MOVQ	R8, DX
	MOVL	$(4|2<<24), R10
	MOVQ	BP, DI
	MOVL	$3, AX // ReplyWait
	SYSCALL
	JMP	fault

// func code(which int) unsafe.Pointer
TEXT ·code(SB),NOSPLIT,$0-16
	MOVQ	which+0(FP), AX
	LEAQ	·codeTable(SB), BX
	MOVQ	(BX)(AX*8), AX
	MOVQ	AX, ret+8(FP)
	RET

DATA	·codeTable+0(SB)/8, $·echoServer(SB)
DATA	·codeTable+8(SB)/8, $·brokenServer(SB)
DATA	·codeTable+16(SB)/8, $·notifyServer(SB)
DATA	·codeTable+24(SB)/8, $·vectorKeeper(SB)
DATA	·codeTable+32(SB)/8, $·benchCalls(SB)
DATA	·codeTable+40(SB)/8, $·randomServer(SB)
DATA	·codeTable+48(SB)/8, $·forwardServer(SB)
GLOBL	·codeTable(SB), RODATA, $56

// func machineTicks() uint64
TEXT ·machineTicks(SB),NOSPLIT,$0-8
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+0(FP)
	RET
