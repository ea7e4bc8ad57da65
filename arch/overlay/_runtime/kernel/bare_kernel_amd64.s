#include "textflag.h"

// bareSetTLS is arch_prctl(ARCH_SET_FS, SI) by the model-specific register
// IA32_FS_BASE (SDM 4, 0xc0000100): FSGSBASE may still be off. Result 0 in AX.
TEXT runtime·bareSetTLS(SB),NOSPLIT|NOFRAME,$0-0
	PUSHQ	DX
	MOVQ	SI, AX
	MOVQ	SI, DX
	SHRQ	$32, DX
	MOVL	$0xc0000100, CX
	WRMSR
	POPQ	DX
	XORL	AX, AX
	RET

// func bareOut8(port uint16, v uint8)
TEXT ·bareOut8(SB),NOSPLIT,$0-3
	MOVW	port+0(FP), DX
	MOVB	v+2(FP), AL
	OUTB
	RET

// func bareOut32(port uint16, v uint32)
TEXT ·bareOut32(SB),NOSPLIT,$0-8
	MOVW	port+0(FP), DX
	MOVL	v+4(FP), AX
	OUTL
	RET

// func bareIn8(port uint16) uint8
TEXT ·bareIn8(SB),NOSPLIT,$0-9
	MOVW	port+0(FP), DX
	INB
	MOVB	AL, ret+8(FP)
	RET

// func bareHalt()
// Interrupts stay off: nothing wakes this processor again.
TEXT ·bareHalt(SB),NOSPLIT,$0-0
	CLI
	HLT
	RET
