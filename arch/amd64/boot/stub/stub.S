# Boot stub: from the PVH entry point to Go's entry point.
#
# PVH (Xen, misc/pvh.pandoc "x86/HVM direct boot ABI") enters in 32-bit mode,
# paging off, flat segments, EBX = physical address of hvm_start_info.
#
# The stub is a flat binary at 1 MiB, assembled once; the image composer puts the
# boot table (boot.Table) into the page after it. It builds the page tables below,
# which map
#	0xffff800000000000	the first 4 GiB of physical addresses, no execution,
#				the last of them (device registers) uncached
#	0xffffff0000000000	the kernel's heap: 2 MiB of metadata, and from
#				+4 MiB on the arenas
#	0xffffffff80000000	stub and kernel image, by the tables that the composer put
#				behind the stack: code is not written, data not executed
# leaves nothing in the low half, and enters the kernel as Linux enters a program:
# argc, argv, envp and the auxiliary vector on the stack.
#
# Rebuild stub.bin with `go generate ./arch/amd64/boot`; a test keeps it fresh.

.set PHYS,	0x100000
.set KBASE,	0xffffffff80000000

# boot.Table, asserted by a test
.set TABLE,	0x101000
.set T_ENTRY,	TABLE+24
.set T_HEAP,	TABLE+64
.set T_HEAPSIZE, TABLE+72
.set T_FLAGS,	TABLE+80
.set T_SEED,	TABLE+88
.set T_INFO,	TABLE+104
.set T_TICKS,	TABLE+112
.set FLAG_SEED,	1

# Page tables and stack follow the table in memory, not in the file.
.set PML4,	0x102000
.set PDPT_MAP,	0x103000
.set PDPT_HEAP,	0x104000
.set PDPT_IMAGE, 0x105000
.set PD_HEAP,	0x106000
.set PD_IMAGE,	0x107000
.set PD_MAP,	0x108000	# 4 of them
.set TABLES_END, 0x10c000
.set STACK_TOP,	0x130000
.set IMAGE_TABLES, 0x130000	# 16 of them, made by the composer

# Page table entry bits, SDM 3A 4.5.4. NX is bit 31 of the upper half.
.set P_RW,	0x003
.set LEAF,	0x183		# present, writable, 2 MiB, global
.set UNCACHED,	0x018		# PWT, PCD
.set NX_HIGH,	0x80000000

.code32
.globl start
start:
	cli
	cld
	movl	%ebx, T_INFO
	rdtsc
	movl	%eax, T_TICKS
	movl	%edx, T_TICKS+4

	movl	$PML4, %edi
	movl	$(TABLES_END-PML4)/4, %ecx
	xorl	%eax, %eax
	rep stosl

	movl	$PDPT_IMAGE+P_RW, PML4			# identity, for the way up only
	movl	$PDPT_MAP+P_RW, PML4+256*8
	movl	$PDPT_HEAP+P_RW, PML4+510*8
	movl	$PDPT_IMAGE+P_RW, PML4+511*8
	movl	$PD_IMAGE+P_RW, PDPT_IMAGE
	movl	$PD_IMAGE+P_RW, PDPT_IMAGE+510*8
	movl	$PD_HEAP+P_RW, PDPT_HEAP
	movl	$PD_MAP+P_RW, PDPT_MAP
	movl	$PD_MAP+0x1000+P_RW, PDPT_MAP+8
	movl	$PD_MAP+0x2000+P_RW, PDPT_MAP+16
	movl	$PD_MAP+0x3000+P_RW, PDPT_MAP+24

	movl	$PD_IMAGE, %edi
	movl	$IMAGE_TABLES+P_RW, %eax
	movl	$16, %ecx
1:	movl	%eax, (%edi)
	addl	$0x1000, %eax
	addl	$8, %edi
	loop	1b

	movl	$PD_MAP, %edi
	movl	$LEAF, %eax
	movl	$2048, %ecx
1:	movl	%eax, (%edi)
	movl	$NX_HIGH, 4(%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	cmpl	$512, %ecx		# 3 GiB reached?
	ja	2f
	orl	$UNCACHED, -8(%edi)
2:	loop	1b

	movl	$PD_HEAP, %edi
	movl	T_HEAP, %eax
	orl	$LEAF, %eax
	movl	T_HEAPSIZE, %ecx
	shrl	$21, %ecx
	movl	%eax, (%edi)		# metadata
	movl	$NX_HIGH, 4(%edi)
	addl	$16, %edi		# arenas begin 4 MiB into the window
	decl	%ecx
	jz	2f
1:	addl	$0x200000, %eax
	movl	%eax, (%edi)
	movl	$NX_HIGH, 4(%edi)
	addl	$8, %edi
	loop	1b
2:
	movl	%cr4, %eax
	orl	$0x620, %eax		# PAE, OSFXSR, OSXMMEXCPT
	movl	%eax, %cr4
	movl	$PML4, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx	# EFER: SCE, LME, NXE
	rdmsr
	orl	$0x901, %eax
	wrmsr
	movl	%cr0, %eax
	andl	$~0x0c, %eax		# EM, TS off
	orl	$0x80050023, %eax	# PG, AM (alignment checks of programs), WP, NE, MP, PE
	movl	%eax, %cr0
	lgdt	gdtr
	ljmp	$0x10, $long

.code64
long:
	movabs	$KBASE+high, %rax
	jmp	*%rax
high:
	# From here on everything is relative to the high half.
	lgdt	gdtr_high(%rip)
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movabs	$KBASE, %rbx
	movq	$0, PML4(%rbx)
	movq	$0, PDPT_IMAGE(%rbx)
	movq	%cr4, %rax
	orq	$0x80, %rax		# PGE: turning it on empties the TLB
	movq	%rax, %cr4
	fninit

	testl	$FLAG_SEED, T_FLAGS(%rbx)
	jnz	1f
	rdtsc				# no seed given: what the counter holds
	shlq	$32, %rdx
	orq	%rdx, %rax
	movabs	$0x9e3779b97f4a7c15, %rdx
	imulq	%rdx, %rax
	movq	%rax, T_SEED(%rbx)
	xorq	%rdx, %rax
	imulq	%rdx, %rax
	movq	%rax, T_SEED+8(%rbx)
1:
	leaq	STACK_TOP(%rbx), %rsp
	pushq	$0			# AT_NULL
	pushq	$0
	leaq	T_SEED(%rbx), %rax
	pushq	%rax
	pushq	$25			# AT_RANDOM
	pushq	$4096
	pushq	$6			# AT_PAGESZ
	pushq	$0			# end of envp
	pushq	$0			# end of argv
	leaq	name(%rip), %rax
	pushq	%rax
	pushq	$1			# argc
	xorl	%ebp, %ebp
	jmp	*T_ENTRY(%rbx)

name:	.asciz	"kernel"

.balign 8
gdt:	.quad	0, 0	# the processor never writes "accessed" here
	.quad	0x00209b0000000000	# 0x10: 64-bit code
	.quad	0x0000930000000000	# 0x18: data
gdtr:	.word	31
	.long	gdt
gdtr_high:
	.word	31
	.quad	KBASE+gdt
