#include "textflag.h"

// 64 bytes.
#define COPY(AT) \
	MOVUPS	(AT+0)(SI), X0; \
	MOVUPS	(AT+16)(SI), X1; \
	MOVUPS	(AT+32)(SI), X2; \
	MOVUPS	(AT+48)(SI), X3; \
	MOVUPS	X0, (AT+0)(DI); \
	MOVUPS	X1, (AT+16)(DI); \
	MOVUPS	X2, (AT+32)(DI); \
	MOVUPS	X3, (AT+48)(DI)

// func copyState(to, from *FPArea, n int)
// What is moved for each signal twice: x87 and SSE state (bytes 0 to 415), then all behind the header,
// 256 bytes, as many as AVX has, in a round, and the rest word by word. X0 to X3 are lost, as by every function.
TEXT ·copyState(SB),NOSPLIT,$0-24
	MOVQ	to+0(FP), DI
	MOVQ	from+8(FP), SI
	MOVQ	n+16(FP), CX
	COPY(0)
	COPY(64)
	COPY(128)
	COPY(192)
	COPY(256)
	COPY(320)
	MOVUPS	384(SI), X0
	MOVUPS	400(SI), X1
	MOVUPS	X0, 384(DI)
	MOVUPS	X1, 400(DI)
	SUBQ	$(576+256), CX
	JLT	rest
round:
	COPY(576)
	COPY(640)
	COPY(704)
	COPY(768)
	ADDQ	$256, SI
	ADDQ	$256, DI
	SUBQ	$256, CX
	JGE	round
rest:
	ADDQ	$256, CX
	JEQ	done
	ADDQ	$576, SI
	ADDQ	$576, DI
	SHRQ	$3, CX
	REP; MOVSQ
done:
	RET
