#include "go_asm.h"
#include "textflag.h"

// bareSetTLS is arch_prctl(ARCH_SET_FS, SI): the kernel turns FSGSBASE on
// (CR4 bit 16), so a server sets its own FS base. Result 0 in AX.
TEXT runtime·bareSetTLS(SB),NOSPLIT|NOFRAME,$0-0
	BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xd6 // WRFSBASE RSI
	XORL	AX, AX
	RET

// func bareKernelLog(n uintptr, text *byte)
// Kernel call Log: RDI length, RSI RDX R10 R8 R9 text. All 40 bytes are read,
// so text points into bareLine.
TEXT ·bareKernelLog(SB),NOSPLIT,$0-16
	MOVQ	n+0(FP), DI
	MOVQ	text+8(FP), AX
	MOVQ	0(AX), SI
	MOVQ	8(AX), DX
	MOVQ	16(AX), R10
	MOVQ	24(AX), R8
	MOVQ	32(AX), R9
	MOVL	$const_bareCallLog, AX
	SYSCALL
	RET

// func bareCrash()
// UD2 raises an invalid-opcode exception (SDM 2B, UD).
TEXT ·bareCrash(SB),NOSPLIT,$0-0
	UD2
	RET
