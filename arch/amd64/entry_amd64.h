// Macros of enter_amd64.s, short_amd64.s and vectors.s. DI holds the thread's Context throughout.

// Instructions that the Go assembler lacks:
#define RDFSBASE_BX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xc3
#define RDGSBASE_BX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xcb
#define WRFSBASE_AX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xd0
#define WRGSBASE_AX BYTE $0xf3; BYTE $0x48; BYTE $0x0f; BYTE $0xae; BYTE $0xd8
#define SYSRETQ64 BYTE $0x48; BYTE $0x0f; BYTE $0x07

#define REG(r) (Context_Regs+r)(DI)
#define CPU(f) ·processor+(f)(SB)
#define LINK(f) (Context_Link+f)

// EVENT and FRAME are fields of the frame in R11.
#define EVENT(f) f(R11)
#define FRAME(r) (const_frameRegs+r)(R11)

// What is done with each of a set of registers: SAVE, LOAD, PUBLISH, and LOAD_FROM the set in R11.
#define SAVE(r, f) MOVQ r, REG(f)
#define LOAD(r, f) MOVQ REG(f), r
#define PUBLISH(r, f) MOVQ r, FRAME(f)
#define LOAD_FROM(r, f) MOVQ f(R11), r

// COPY moves a word in memory; clobbers AX.
#define COPY(from, to) MOVQ from, AX; MOVQ AX, to

// EACH is the general registers but the stack pointer, RDI, RCX and R11.
#define EACH(do) \
	do(R15, registers_R15); do(R14, registers_R14); do(R13, registers_R13); do(R12, registers_R12); \
	do(BP, registers_BP); do(BX, registers_BX); do(R10, registers_R10); do(R9, registers_R9); \
	do(R8, registers_R8); do(AX, registers_AX); do(DX, registers_DX); do(SI, registers_SI)

// SAVE_GENERAL saves the general registers but the stack pointer; RDI is in scratch by now; clobbers RCX.
#define SAVE_GENERAL \
	EACH(SAVE); \
	SAVE(R11, registers_R11); \
	SAVE(CX, registers_CX); \
	MOVQ	CPU(perProcessor_scratch), CX; \
	SAVE(CX, registers_DI)

// The XSAVE image lies behind the context.
#define SAVE_XMM(x, n) MOVUPS x, (const_VectorOffset+const_areaXMM+16*n)(DI)
#define LOAD_XMM(x, n) MOVUPS (const_VectorOffset+const_areaXMM+16*n)(DI), x

#define EACH_XMM(do) \
	do(X0, 0); do(X1, 1); do(X2, 2); do(X3, 3); \
	do(X4, 4); do(X5, 5); do(X6, 6); do(X7, 7); \
	do(X8, 8); do(X9, 9); do(X10, 10); do(X11, 11); \
	do(X12, 12); do(X13, 13); do(X14, 14); do(X15, 15)

#define SAVE_VECTORS EACH_XMM(SAVE_XMM); STMXCSR (const_VectorOffset+const_areaMXCSR)(DI)
#define LOAD_VECTORS EACH_XMM(LOAD_XMM); LDMXCSR (const_VectorOffset+const_areaMXCSR)(DI)

// LAST puts into CX the program whose event was delivered last to the server in DI, when that
// still owns the gate (in R11) and the event is the one of name RSI and sequence RDX; else it goes to no.
#define LAST(no) \
	MOVQ	LINK(Link_WaitGate)(DI), R11; \
	CMPQ	Gate_Owner(R11), DI; \
	JNE	no; \
	MOVQ	Gate_Last(R11), CX; \
	TESTQ	CX, CX; \
	JEQ	no; \
	CMPQ	SI, LINK(Link_Name)(CX); \
	JNE	no; \
	CMPQ	DX, LINK(Link_Sequence)(CX); \
	JNE	no

// KEEP makes the server in DI wait at its gate in R11 and turns to the program in CX. It saves what
// a server keeps; the results of its wait will be the rest.
#define KEEP \
	SAVE(BP, registers_BP); \
	SAVE(SP, registers_SP); \
	MOVQ	$0, Gate_Last(R11); \
	MOVQ	DI, Gate_Waiter(R11); \
	MOVQ	$const_StateWaiting, LINK(Link_State)(DI); \
	MOVQ	R11, LINK(Link_At)(DI); \
	MOVQ	CX, DI

// SAVE_BASES saves what ring 3 can change by itself; clobbers BX.
#define SAVE_BASES \
	RDFSBASE_BX; \
	SAVE(BX, registers_FSBase); \
	RDGSBASE_BX; \
	SAVE(BX, registers_GSBase)

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

// TICKS reads the time stamp counter into AX; clobbers DX.
#define TICKS \
	RDTSC; \
	SHLQ	$32, DX; \
	ORQ	DX, AX

// NANOSECONDS turns the ticks in AX into ns; R9 holds the multiplier; clobbers DX.
#define NANOSECONDS \
	MULQ	R9; \
	SHRQ	$32, DX, AX

#define GO_STACK \
	MOVQ	CPU(perProcessor_goSP), SP; \
	MOVQ	CPU(perProcessor_goBP), BP

// TO_GO goes back to the Go caller of enter; clobbers AX.
#define TO_GO \
	MOVQ	CPU(perProcessor_goFS), AX; \
	WRFSBASE_AX; \
	GO_STACK; \
	RET
