package amd64

//lint:file-ignore U1000 assembly uses what Go does not

// perProcessor is what one processor knows about itself. Assembly knows its
// layout through go_asm.h. With more processors the instance is found through
// the GS base; with one it is a variable.
type perProcessor struct {
	current *Context // in ring 3, or the last one that was
	scratch uint64   // a register, for the first instructions of a SYSCALL
	goSP    uint64   // stack and frame pointer of the Go caller of enter or Halt
	goBP    uint64
	goFS    uint64 // FS base of the Go runtime
	root    uint64 // page-table root that is loaded
	resumed uint64 // time stamp counter when ring 3 was entered

	owner   *Context // whose lazy vector state is in the processor
	watched *Context // whose debug registers are in the processor

	hold  uint32 // not 0: a thread other than the one that a reply resumes is to run next
	ready uint32 // not 0: another thread could run
	clock Clock

	switches uint64 // address-space switches
	short    uint64 // system calls and replies that took the short way
	stray    uint64 // debug exceptions and NMIs taken in ring 0, and ignored
}

var processor perProcessor

// Counts are the loads of another page-table root and the traps that did not come to Go,
// since boot.
func Counts() (switches, short uint64) { return processor.switches, processor.short }

// Resume runs the thread until its next trap and returns the thread that trapped: by the short
// way it need not be the same. Interrupts are off before and after. hold is not 0 when a reply may
// not resume its thread at once, ready when one that yields may not either. Everything Resume needs to look at is one comparison each on the way of a
// thread that computes alone. A reply of the short way that changes more than the
// result is taken here. A jump that is not canonical, which the return itself would trip over,
// becomes an exception of the thread, as from Linux.
func Resume(c *Context, hold, ready uint32) *Context {
	processor.hold, processor.ready = hold, ready
	for !c.Recalled && !c.BadJump() {
		if processor.owner != c && c.program != 0 {
			if c.own(); c.preempted() {
				c.Recalled = true
				continue
			}
		}
		if processor.watched != nil || c.watched {
			c.watch()
		}
		enter(c)
		c = processor.current
		if c.Trap != trapReply {
			return c
		}
		c.Take(c.Frame, Group(c.Code/replyMask))
	}
	c.Trap, c.Code, c.Entered = vectorProtection, 0, Ticks()
	if c.Recalled {
		c.Trap, c.Recalled = TrapRecall, false
	}
	c.Regs.OrigAX = noCall
	return c
}

// Forget must be called before the memory of a context is used for something else.
func Forget(c *Context) {
	if processor.owner == c {
		processor.owner = nil
	}
	if processor.watched == c {
		processor.watched = nil
		writeDR7(0)
	}
}

// Init sets up the processor: descriptor tables, system call entry, vector state,
// protection features. Call it once, first.
func Init() {
	_, features7, _, _ := cpuid(7, 0)
	if features7&1 == 0 {
		fail("processor without FSGSBASE: use -cpu max or host")
	}
	initDescriptors()
	initSyscall()
	orCR4(1 << 16) // FSGSBASE
	if features7&(1<<7) != 0 {
		orCR4(1 << 20) // SMEP
	}
	if features7&(1<<20) != 0 && !emulated() {
		orCR4(1 << 21) // SMAP: the kernel never touches user addresses; a stray access is a kernel bug
	}
	initVectorUnit()
	processor.goFS = rdmsr(msrFSBase)
	processor.root = readCR3() &^ (PageSize - 1)
	kernelRoot = processor.root
	initInterrupts()
}

// emulated is true under QEMU's TCG, which makes far returns and IRET of ring 3
// read their stack with the kernel's rights (helper_lret, helper_iret_protected in QEMU
// 7.2): with SMAP on they fault.
func emulated() bool {
	_, b, c, d := cpuid(0x40000000, 0)
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447 // "TCGTCGTCGTCG"
}

const (
	msrEFER         = 0xc0000080
	msrSTAR         = 0xc0000081
	msrLSTAR        = 0xc0000082
	msrCSTAR        = 0xc0000083
	msrSFMASK       = 0xc0000084
	msrFSBase       = 0xc0000100
	msrSysenterCode = 0x174

	// Cleared at SYSCALL: TF IF DF IOPL NT RF AC ID as Linux does, the arithmetic flags too.
	syscallFlags = 1<<0 | 1<<2 | 1<<4 | 1<<6 | 1<<7 | flagTF | 1<<9 | 1<<10 | 1<<11 | 3<<12 | 1<<14 | flagRF | 1<<18 | 1<<21
)

// initSyscall sets the entry points of SYSCALL (SDM 3A 5.8.8) and makes SYSENTER fault.
func initSyscall() {
	entry, entry32, _ := entryPoints()
	wrmsr(msrSTAR, uint64(selUser32)<<48|uint64(selKernelCode)<<32)
	wrmsr(msrLSTAR, entry)
	wrmsr(msrCSTAR, entry32)
	wrmsr(msrSFMASK, syscallFlags)
	wrmsr(msrSysenterCode, 0)
	wrmsr(msrEFER, rdmsr(msrEFER)|1)
}
