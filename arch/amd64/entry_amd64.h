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

// SAVE_VECTORS wants the XSAVE image in AX.
#define SAVE_VECTORS \
	MOVUPS	X0, (const_areaXMM+0)(AX); \
	MOVUPS	X1, (const_areaXMM+16)(AX); \
	MOVUPS	X2, (const_areaXMM+32)(AX); \
	MOVUPS	X3, (const_areaXMM+48)(AX); \
	MOVUPS	X4, (const_areaXMM+64)(AX); \
	MOVUPS	X5, (const_areaXMM+80)(AX); \
	MOVUPS	X6, (const_areaXMM+96)(AX); \
	MOVUPS	X7, (const_areaXMM+112)(AX); \
	MOVUPS	X8, (const_areaXMM+128)(AX); \
	MOVUPS	X9, (const_areaXMM+144)(AX); \
	MOVUPS	X10, (const_areaXMM+160)(AX); \
	MOVUPS	X11, (const_areaXMM+176)(AX); \
	MOVUPS	X12, (const_areaXMM+192)(AX); \
	MOVUPS	X13, (const_areaXMM+208)(AX); \
	MOVUPS	X14, (const_areaXMM+224)(AX); \
	MOVUPS	X15, (const_areaXMM+240)(AX); \
	STMXCSR	const_areaMXCSR(AX)

// LOAD_VECTORS wants the XSAVE image in AX.
#define LOAD_VECTORS \
	MOVUPS	(const_areaXMM+0)(AX), X0; \
	MOVUPS	(const_areaXMM+16)(AX), X1; \
	MOVUPS	(const_areaXMM+32)(AX), X2; \
	MOVUPS	(const_areaXMM+48)(AX), X3; \
	MOVUPS	(const_areaXMM+64)(AX), X4; \
	MOVUPS	(const_areaXMM+80)(AX), X5; \
	MOVUPS	(const_areaXMM+96)(AX), X6; \
	MOVUPS	(const_areaXMM+112)(AX), X7; \
	MOVUPS	(const_areaXMM+128)(AX), X8; \
	MOVUPS	(const_areaXMM+144)(AX), X9; \
	MOVUPS	(const_areaXMM+160)(AX), X10; \
	MOVUPS	(const_areaXMM+176)(AX), X11; \
	MOVUPS	(const_areaXMM+192)(AX), X12; \
	MOVUPS	(const_areaXMM+208)(AX), X13; \
	MOVUPS	(const_areaXMM+224)(AX), X14; \
	MOVUPS	(const_areaXMM+240)(AX), X15; \
	LDMXCSR	const_areaMXCSR(AX)

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
