// Macros of enter_amd64.s and short_amd64.s. DI holds the thread's Context throughout.

// Instructions that the Go assembler lacks:
#define RDFSBASE_BX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xc3
#define RDGSBASE_BX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xcb
#define WRFSBASE_AX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xd0
#define WRGSBASE_AX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xd8
#define SYSRETQ64 BYTE $0x48; BYTE $0x0f; BYTE $0x07

#define REG(r) (Context_Regs+r)(DI)
#define CPU(f) ·processor+f(SB)
#define LINK(f) (Context_Link+f)
#define TIME(f) ·processor+(perProcessor_clock+f)(SB)

#define SAVE_GENERAL \
	MOVQ	R15, REG(registers_R15); \
	MOVQ	R14, REG(registers_R14); \
	MOVQ	R13, REG(registers_R13); \
	MOVQ	R12, REG(registers_R12); \
	MOVQ	BP, REG(registers_BP); \
	MOVQ	BX, REG(registers_BX); \
	MOVQ	R11, REG(registers_R11); \
	MOVQ	R10, REG(registers_R10); \
	MOVQ	R9, REG(registers_R9); \
	MOVQ	R8, REG(registers_R8); \
	MOVQ	AX, REG(registers_AX); \
	MOVQ	CX, REG(registers_CX); \
	MOVQ	DX, REG(registers_DX); \
	MOVQ	SI, REG(registers_SI)

// The XSAVE image lies behind the context.
#define XMM(n) (const_VectorOffset+const_areaXMM+16*n)(DI)
#define MXCSR (const_VectorOffset+const_areaMXCSR)(DI)

#define SAVE_VECTORS \
	MOVUPS	X0, XMM(0); \
	MOVUPS	X1, XMM(1); \
	MOVUPS	X2, XMM(2); \
	MOVUPS	X3, XMM(3); \
	MOVUPS	X4, XMM(4); \
	MOVUPS	X5, XMM(5); \
	MOVUPS	X6, XMM(6); \
	MOVUPS	X7, XMM(7); \
	MOVUPS	X8, XMM(8); \
	MOVUPS	X9, XMM(9); \
	MOVUPS	X10, XMM(10); \
	MOVUPS	X11, XMM(11); \
	MOVUPS	X12, XMM(12); \
	MOVUPS	X13, XMM(13); \
	MOVUPS	X14, XMM(14); \
	MOVUPS	X15, XMM(15); \
	STMXCSR	MXCSR

#define LOAD_VECTORS \
	MOVUPS	XMM(0), X0; \
	MOVUPS	XMM(1), X1; \
	MOVUPS	XMM(2), X2; \
	MOVUPS	XMM(3), X3; \
	MOVUPS	XMM(4), X4; \
	MOVUPS	XMM(5), X5; \
	MOVUPS	XMM(6), X6; \
	MOVUPS	XMM(7), X7; \
	MOVUPS	XMM(8), X8; \
	MOVUPS	XMM(9), X9; \
	MOVUPS	XMM(10), X10; \
	MOVUPS	XMM(11), X11; \
	MOVUPS	XMM(12), X12; \
	MOVUPS	XMM(13), X13; \
	MOVUPS	XMM(14), X14; \
	MOVUPS	XMM(15), X15; \
	LDMXCSR	MXCSR

// LOAD_KEPT loads the registers that a kernel call keeps, but the stack pointer.
#define LOAD_KEPT \
	MOVQ	REG(registers_R15), R15; \
	MOVQ	REG(registers_R14), R14; \
	MOVQ	REG(registers_R13), R13; \
	MOVQ	REG(registers_R12), R12; \
	MOVQ	REG(registers_BP), BP; \
	MOVQ	REG(registers_BX), BX

// LOAD_SPACE loads the space of the thread in DI if it is another; clobbers AX. It needs
// a label of its own.
#define LOAD_SPACE(loaded) \
	MOVQ	Context_root(DI), AX; \
	CMPQ	AX, CPU(perProcessor_root); \
	JEQ	loaded; \
	MOVQ	AX, CPU(perProcessor_root); \
	MOVQ	AX, CR3; \
	INCQ	CPU(perProcessor_switches); \
loaded:

#define GO_STACK \
	MOVQ	CPU(perProcessor_goSP), SP; \
	MOVQ	CPU(perProcessor_goBP), BP

// LEAVE is the way back to Go: the bases of FS and GS, which ring 3 can change by
// itself, the time, and the Go caller's stack.
#define LEAVE \
	RDFSBASE_BX; \
	MOVQ	BX, REG(registers_FSBase); \
	RDGSBASE_BX; \
	MOVQ	BX, REG(registers_GSBase); \
	LDMXCSR	·kernelMXCSR(SB); \
	RDTSC; \
	SHLQ	$32, DX; \
	ORQ	DX, AX; \
	MOVQ	AX, Context_Entered(DI); \
	SUBQ	CPU(perProcessor_resumed), AX; \
	ADDQ	AX, LINK(Link_User)(DI); \
	MOVQ	CPU(perProcessor_goFS), AX; \
	WRFSBASE_AX; \
	GO_STACK; \
	RET
