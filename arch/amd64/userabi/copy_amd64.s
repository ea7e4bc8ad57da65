#include "textflag.h"

// func copyArea(to, from *byte, n int)
// 128 bytes in a round, and the rest word by word: an XSAVE area is as many rounds as it may be, each
// half the instructions of memmove, which has to look at alignment, overlap and length first.
TEXT ·copyArea(SB),NOSPLIT,$0-24
	MOVQ	to+0(FP), DI
	MOVQ	from+8(FP), SI
	MOVQ	n+16(FP), CX
	SUBQ	$128, CX
	JLT	rest
round:
	MOVUPS	0(SI), X0
	MOVUPS	16(SI), X1
	MOVUPS	32(SI), X2
	MOVUPS	48(SI), X3
	MOVUPS	64(SI), X4
	MOVUPS	80(SI), X5
	MOVUPS	96(SI), X6
	MOVUPS	112(SI), X7
	MOVUPS	X0, 0(DI)
	MOVUPS	X1, 16(DI)
	MOVUPS	X2, 32(DI)
	MOVUPS	X3, 48(DI)
	MOVUPS	X4, 64(DI)
	MOVUPS	X5, 80(DI)
	MOVUPS	X6, 96(DI)
	MOVUPS	X7, 112(DI)
	ADDQ	$128, SI
	ADDQ	$128, DI
	SUBQ	$128, CX
	JGE	round
rest:
	ADDQ	$128, CX
	SHRQ	$3, CX
	REP; MOVSQ
	RET
