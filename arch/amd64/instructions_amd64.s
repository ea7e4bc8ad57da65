#include "go_asm.h"
#include "textflag.h"
#include "entry_amd64.h"

// Single instructions that Go has no word for. Each function is what its name
// says; declarations are in instructions.go.

// func in(port uint16, size int) uint32
TEXT ·in(SB),NOSPLIT,$0-20
	MOVW	port+0(FP), DX
	XORL	AX, AX
	CMPQ	size+8(FP), $2
	JLT	byte
	JEQ	word
	INL
	JMP	done
byte:
	INB
	JMP	done
word:
	INW
done:
	MOVL	AX, ret+16(FP)
	RET

#define OUT(out, value) \
	MOVW	port+0(FP), DX; \
	value, AX; \
	out; \
	RET

// func out8(port uint16, v uint8)
TEXT ·out8(SB),NOSPLIT,$0-3
	OUT(OUTB, MOVB	v+2(FP))

// func out16(port, v uint16)
TEXT ·out16(SB),NOSPLIT,$0-4
	OUT(OUTW, MOVW	v+2(FP))

// func out32(port uint16, v uint32)
TEXT ·out32(SB),NOSPLIT,$0-8
	OUT(OUTL, MOVL	v+4(FP))

// func outString8(port uint16, p *byte, n int)
TEXT ·outString8(SB),NOSPLIT,$0-24
	MOVW	port+0(FP), DX
	MOVQ	p+8(FP), SI
	MOVQ	n+16(FP), CX
	CLD
	REP; OUTSB
	RET

// func rdmsr(n uint32) uint64
TEXT ·rdmsr(SB),NOSPLIT,$0-16
	MOVL	n+0(FP), CX
	RDMSR
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+8(FP)
	RET

// func wrmsr(n uint32, v uint64)
TEXT ·wrmsr(SB),NOSPLIT,$0-16
	MOVL	n+0(FP), CX
	MOVQ	v+8(FP), AX
	MOVQ	AX, DX
	SHRQ	$32, DX
	WRMSR
	RET

// func cpuid(leaf, sub uint32) (a, b, c, d uint32)
TEXT ·cpuid(SB),NOSPLIT,$0-24
	MOVL	leaf+0(FP), AX
	MOVL	sub+4(FP), CX
	CPUID
	MOVL	AX, a+8(FP)
	MOVL	BX, b+12(FP)
	MOVL	CX, c+16(FP)
	MOVL	DX, d+20(FP)
	RET

// func xsetbv(low uint32)
TEXT ·xsetbv(SB),NOSPLIT,$0-4
	MOVL	low+0(FP), AX
	XORL	DX, DX
	XORL	CX, CX
	XSETBV
	RET

#define SAVE_SELECTOR(s, f) MOVW s, AX; SAVE(AX, f)
#define LOAD_SELECTOR(s, f) LOAD(AX, f); MOVW AX, s

// func saveLive(c *Context, components uint64)
// Saves what stays in the processor: these components and the data selectors. Keeps the MXCSR of the
// image: XSAVE writes the live one with AVX's component too (SDM 1 13.5.2), and the live one is
// the kernel's.
TEXT ·saveLive(SB),NOSPLIT,$0-16
	MOVQ	c+0(FP), DI
	MOVQ	components+8(FP), AX
	XORL	DX, DX
	LDMXCSR	(const_VectorOffset+const_areaMXCSR)(DI)
	XSAVE64	const_VectorOffset(DI)
	LDMXCSR	·kernelMXCSR(SB)
	XORL	AX, AX
	SAVE_SELECTOR(DS, registers_DS)
	SAVE_SELECTOR(ES, registers_ES)
	SAVE_SELECTOR(FS, registers_FS)
	SAVE_SELECTOR(GS, registers_GS)
	RET

// func loadLive(c *Context, components uint64)
// Loads it. A new selector in FS changes its base, which is Go's: put back at once.
TEXT ·loadLive(SB),NOSPLIT,$0-16
	MOVQ	c+0(FP), DI
	MOVQ	components+8(FP), AX
	XORL	DX, DX
	XRSTOR64	const_VectorOffset(DI)
	LDMXCSR	·kernelMXCSR(SB)
	LOAD_SELECTOR(DS, registers_DS)
	LOAD_SELECTOR(ES, registers_ES)
	LOAD_SELECTOR(FS, registers_FS)
	LOAD_SELECTOR(GS, registers_GS)
	MOVQ	CPU(perProcessor_goFS), AX
	WRFSBASE_AX
	RET

// func orCR4(bits uint64)
TEXT ·orCR4(SB),NOSPLIT,$0-8
	MOVQ	CR4, AX
	ORQ	bits+0(FP), AX
	MOVQ	AX, CR4
	RET

// func readCR3() uint64
TEXT ·readCR3(SB),NOSPLIT,$0-8
	MOVQ	CR3, AX
	MOVQ	AX, ret+0(FP)
	RET

// func writeCR3(v uint64)
TEXT ·writeCR3(SB),NOSPLIT,$0-8
	MOVQ	v+0(FP), AX
	MOVQ	AX, CR3
	RET

// func invlpg(address uint64)
TEXT ·invlpg(SB),NOSPLIT,$0-8
	MOVQ	address+0(FP), AX
	INVLPG	(AX)
	RET

// func writeDR(dr0, dr1, dr2, dr3 uint64)
TEXT ·writeDR(SB),NOSPLIT,$0-32
	MOVQ	dr0+0(FP), AX
	MOVQ	AX, DR0
	MOVQ	dr1+8(FP), AX
	BYTE $0x0f; BYTE $0x23; BYTE $0xc8 // MOV DR1, RAX, unknown to the assembler
	MOVQ	dr2+16(FP), AX
	MOVQ	AX, DR2
	MOVQ	dr3+24(FP), AX
	MOVQ	AX, DR3
	RET

// func writeDR7(v uint64)
TEXT ·writeDR7(SB),NOSPLIT,$0-8
	MOVQ	v+0(FP), AX
	MOVQ	AX, DR7
	RET

// func Ticks() uint64
TEXT ·Ticks(SB),NOSPLIT,$0-8
	TICKS
	MOVQ	AX, ret+0(FP)
	RET

// func loadDescriptors(gdt, idt *[10]byte)
// The segments of the boot stub have the selectors that the new table gives them.
TEXT ·loadDescriptors(SB),NOSPLIT,$0-16
	MOVQ	gdt+0(FP), AX
	LGDT	(AX)
	MOVQ	idt+8(FP), AX
	LIDT	(AX)
	MOVL	$0x40, AX // selTask
	LTR	AX
	XORL	AX, AX
	LLDT	AX
	RET

// func stop()
// Waits with interrupts off: for ever.
TEXT ·stop(SB),NOSPLIT,$0
	CLI
	HLT
	RET
