#include "go_asm.h"
#include "textflag.h"
#include "entry_amd64.h"

// Single instructions that Go has no word for. Each function is what its name
// says; declarations are in instructions.go.

// func in8(port uint16) uint8
TEXT ·in8(SB),NOSPLIT,$0-9
	MOVW	port+0(FP), DX
	INB
	MOVB	AX, ret+8(FP)
	RET

// func in16(port uint16) uint16
TEXT ·in16(SB),NOSPLIT,$0-10
	MOVW	port+0(FP), DX
	INW
	MOVW	AX, ret+8(FP)
	RET

// func in32(port uint16) uint32
TEXT ·in32(SB),NOSPLIT,$0-12
	MOVW	port+0(FP), DX
	INL
	MOVL	AX, ret+8(FP)
	RET

// func out8(port uint16, v uint8)
TEXT ·out8(SB),NOSPLIT,$0-3
	MOVW	port+0(FP), DX
	MOVB	v+2(FP), AX
	OUTB
	RET

// func out16(port, v uint16)
TEXT ·out16(SB),NOSPLIT,$0-4
	MOVW	port+0(FP), DX
	MOVW	v+2(FP), AX
	OUTW
	RET

// func out32(port uint16, v uint32)
TEXT ·out32(SB),NOSPLIT,$0-8
	MOVW	port+0(FP), DX
	MOVL	v+4(FP), AX
	OUTL
	RET

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

// func xsetbv(v uint64)
TEXT ·xsetbv(SB),NOSPLIT,$0-8
	MOVQ	v+0(FP), AX
	MOVQ	AX, DX
	SHRQ	$32, DX
	XORL	CX, CX
	XSETBV
	RET

// func xsaveLive(area unsafe.Pointer, components uint64)
// Keeps the MXCSR of the image: XSAVE writes the live one with AVX's component
// too (SDM 1 13.5.2), and the live one is the kernel's.
TEXT ·xsaveLive(SB),NOSPLIT,$0-16
	MOVQ	area+0(FP), DI
	MOVQ	components+8(FP), AX
	XORL	DX, DX
	LDMXCSR	24(DI)
	XSAVE64	(DI)
	LDMXCSR	·kernelMXCSR(SB)
	RET

// func xrstor(area unsafe.Pointer, components uint64)
TEXT ·xrstor(SB),NOSPLIT,$0-16
	MOVQ	area+0(FP), DI
	MOVQ	components+8(FP), AX
	XORL	DX, DX
	XRSTOR64	(DI)
	LDMXCSR	·kernelMXCSR(SB)
	RET

// func loadVectors(c *Context, area *xsaveArea, components uint64)
// Loads the processor, and the part of c's image that is loaded at every entry.
TEXT ·loadVectors(SB),NOSPLIT,$0-24
	MOVQ	c+0(FP), DI
	MOVQ	area+8(FP), SI
	MOVQ	components+16(FP), AX
	XORL	DX, DX
	XRSTOR64	(SI)
	SAVE_VECTORS
	LDMXCSR	·kernelMXCSR(SB)
	RET

// func storeVectors(c *Context, area *xsaveArea, components uint64)
TEXT ·storeVectors(SB),NOSPLIT,$0-24
	MOVQ	c+0(FP), DI
	MOVQ	area+8(FP), SI
	MOVQ	components+16(FP), AX
	XORL	DX, DX
	LOAD_VECTORS
	XSAVE64	(SI)
	LDMXCSR	·kernelMXCSR(SB)
	RET

// func readSelectors() (ds, es, fs, gs uint64)
TEXT ·readSelectors(SB),NOSPLIT,$0-32
	XORL	AX, AX
	MOVW	DS, AX
	MOVQ	AX, ds+0(FP)
	MOVW	ES, AX
	MOVQ	AX, es+8(FP)
	MOVW	FS, AX
	MOVQ	AX, fs+16(FP)
	MOVW	GS, AX
	MOVQ	AX, gs+24(FP)
	RET

// func writeSelectors(ds, es, fs, gs uint64)
// Loading FS changes its base, which is Go's: put it back at once.
TEXT ·writeSelectors(SB),NOSPLIT,$0-32
	MOVQ	ds+0(FP), AX
	MOVQ	es+8(FP), BX
	MOVQ	fs+16(FP), CX
	MOVQ	gs+24(FP), DX
	MOVW	AX, DS
	MOVW	BX, ES
	BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xc0 // RDFSBASE AX
	MOVW	CX, FS
	BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xd0 // WRFSBASE AX
	MOVW	DX, GS
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
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+0(FP)
	RET

// func loadDescriptors(gdt, idt *[10]byte)
// The code segment of the boot stub has the selector that the new table gives it.
TEXT ·loadDescriptors(SB),NOSPLIT,$0-16
	MOVQ	gdt+0(FP), AX
	LGDT	(AX)
	MOVQ	idt+8(FP), AX
	LIDT	(AX)
	MOVL	$0x40, AX // selTask
	LTR	AX
	XORL	AX, AX
	LLDT	AX
	MOVL	$0x18, AX // selKernelData
	MOVW	AX, SS
	RET

// func readCR2() uint64
TEXT ·readCR2(SB),NOSPLIT,$0-8
	MOVQ	CR2, AX
	MOVQ	AX, ret+0(FP)
	RET

// func stop()
// Waits with interrupts off: for ever.
TEXT ·stop(SB),NOSPLIT,$0
	CLI
	HLT
	RET
