package task

import (
	"math/rand/v2"
	"starling/personality/state"
	"unsafe"

	"starling/arch/isa"
	"starling/ipc"
	"starling/pager/client"
	"starling/personality/clock"
	"starling/personality/mm"
	"starling/personality/signal"
	"starling/personality/uprobe"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// TableSize is how many system call numbers the table has room for.
const TableSize = 512

// Config is what the core is given at start.
type Config struct {
	Transport ipc.Transport
	// Endpoint is the personality's own: where its threads trap to.
	Endpoint ipc.Handle
	// PagerWire is the capability of the pager's endpoint: where its threads fault to.
	PagerWire ipc.Handle
	Pager     *client.Client
	// Frames is the memory of the frames area, FrameBase where it is mapped, FrameSlots
	// how many pages it has. It bounds the number of threads.
	Frames     ipc.Handle
	FrameBase  unsafe.Pointer
	FrameSlots int

	CPU  isa.CPU
	Seed [2]uint64
	// WallTime is CLOCK_REALTIME at boot in ns since 1970.
	WallTime int64
	// Randomize: address space layout randomisation, from the seed.
	Randomize bool
	// Heap is the memory of the server itself; nil: without bounds, as on the host.
	Heap Heap
	// Observe, which may be nil, is in a build with the tag starling_observed told of every change of a thread's state that is not into a call that
	// does not block or back from it.
	Observe func(from, to RunState)
	// TraceScope is kernel.yama.ptrace_scope: ScopeClassic as Debian sets it.
	TraceScope int
}

// Core is the state of all processes and threads, and the way to everything else.
type Core struct {
	Config
	Waits *wait.Table
	VFS   *vfs.VFS
	FileModules
	Probing
	Clock *clock.Clock
	MM    *mm.Manager
	// Table has the handlers by number; nil: the call does not exist.
	Table [TableSize]Handler
	// Interrupted, by number, is what a call blocked with RestartBlock does when a signal
	// ends it: nanosleep reports the time that is left. It gets and returns the result.
	Interrupted [TableSize]func(c *Call, r Result) Result
	// NameOf names system calls, for reports.
	NameOf func(number int32) string

	// Hostname and Domainname are uname(2)'s.
	Hostname, Domainname string
	CorePattern          CorePattern
	// Missing counts the calls that do not exist, by number.
	Missing map[int32]uint32

	// Init is process 1, which adopts orphans and never runs; Program is the first
	// program, whose end is the end of the run.
	Init, Program *Process
	// OnExit is called when Program has ended, with its wait status.
	OnExit func(status int32)

	// Terminal tells the terminals of a session's end and of processes that leave.
	Terminal TerminalHooks

	// TimerFD and ClockSet are told what the clock tells (clock.Sink).
	TimerFD  func(id uint64)
	ClockSet func()
	// ClockChanged: what the clock shows beside CLOCK_REALTIME is another.
	ClockChanged func()

	slots     []*Thread // by frame slot, which is the badge
	freeSlots []uint32  // last freed first
	processes []*Process
	pids      pidTable
	lastPID   int32
	nextID    uint64
	rng       *rand.PCG

	ready   []*Thread // to be stepped before the event is done
	armed   int64     // deadline set at the transport
	context vfs.Context
	futexes futexTable
	order   uint64 // counts what must stay in order: futex waits, births
	forks   uint64
	scratch []byte // of sigreturn(2): a context and a floating-point area
	apart   apart
	taking  signal.Info // that a thread is about to act on
	pending []userQueue // queued signals by user, for RLIMIT_SIGPENDING

	traceRank uint64 // counts threads that came to be traced
	listeners map[uint64]*listener

	probeTarget uprobe.Target // of the breakpoint being handled

	exited     bool
	exitStatus int32
	// memoryKills are the last processes that were ended because memory had run out.
	memoryKills []*state.MemoryKillT
	// young are the processes with Young set; usual is the data that one of them had lately when it was no more.
	young    []*Process
	usual    uint32
	switches uint64
	lastRun  *Thread
	version  version
	// acting is the process that gives up memory, when that is not the one of the call being handled.
	acting int32

	slot *ipc.Slot // the transport's, or a full one
	// saver is the transport if it has ipc.MaskLive. goesLive is the frame slot of the thread that a reply with it resumes;
	// initialFP the state that handlers begin with.
	saver     ipc.Saver
	goesLive  uint32
	initialFP *isa.FPArea
}

// TerminalHooks is what terminals want to know of sessions. Package tty implements it.
type TerminalHooks interface {
	// SessionEnded: the leader of a session with terminal id has exited.
	SessionEnded(session int32, terminal uint64)
	// Foreground is the foreground process group of a terminal, 0 if none.
	Foreground(terminal uint64) int32
}

// New makes a core without processes.
func New(cfg Config) *Core {
	k := &Core{
		Config:   cfg,
		Waits:    wait.NewTable(),
		Missing:  map[int32]uint32{},
		Hostname: "starling", Domainname: "(none)", CorePattern: CorePattern{Pattern: "core"},
		listeners: map[uint64]*listener{},
		rng:       rand.NewPCG(cfg.Seed[0], cfg.Seed[1]),
		slots:     make([]*Thread, cfg.FrameSlots),
		scratch:   make([]byte, isa.SignalContextSize+isa.FPAreaSize(&cfg.CPU)),
		apart:     apart{frame: make([]byte, isa.SignalFrameSize), area: make([]byte, isa.FPAreaSize(&cfg.CPU))},
	}
	for i := range k.Table {
		k.Table[i] = missing
	}
	k.armed = clock.Never
	k.futexes = newFutexTable(cfg.Seed[0])
	k.slot = &ipc.Slot{Call: ipc.SlotFull}
	if s, ok := cfg.Transport.(ipc.Slotted); ok {
		k.slot = s.ReplySlot()
		k.saver, _ = cfg.Transport.(ipc.Saver)
		k.slot.Live.Settle = k.settleLive
	}
	k.initialFP = isa.InitialFP(&cfg.CPU, make([]byte, isa.FPAreaSize(&cfg.CPU)+isa.FPAlign))
	for i := cfg.FrameSlots - 1; i >= 1; i-- { // slot 0 is never used: wait.Thread 0 stays free
		k.freeSlots = append(k.freeSlots, uint32(i))
	}
	k.Clock = clock.New(cfg.WallTime, (*timers)(k))
	k.VFS = vfs.New(k, k.Waits)
	k.VFS.RegisterKind(vfs.KindPidFD, pidKind{k})
	k.VFS.RegisterKind(vfs.KindListener, listenerKind{k})
	k.MM = &mm.Manager{Transport: cfg.Transport, Pager: cfg.Pager, VFS: k.VFS, Random: k.random, NewID: k.NewID, Reclaim: k.reclaim}
	return k
}

// Now is the time of the event being handled, in ns since boot.
func (k *Core) Now() int64 { return k.Clock.Now() }

// WallNow is CLOCK_REALTIME of the same moment, in ns since 1970.
func (k *Core) WallNow() int64 { return k.Clock.WallNow() }

// NewID draws from the one counter of object ids.
func (k *Core) NewID() uint64 {
	k.nextID++
	return k.nextID
}

// Rand fills b with bytes from the seed.
func (k *Core) Rand(b []byte) {
	for len(b) > 0 {
		v := k.rng.Uint64()
		for i := 0; i < 8 && len(b) > 0; i++ {
			b[0] = byte(v)
			v >>= 8
			b = b[1:]
		}
	}
}

// random draws a number below n, which is not 0.
func (k *Core) random(n uint64) uint64 { return k.rng.Uint64() % n }

// frameOf is the frame of a slot.
func (k *Core) frameOf(slot uint32) *isa.Frame {
	return (*isa.Frame)(unsafe.Add(k.FrameBase, uintptr(slot)*ipc.PageSize))
}

// Processes is every process that has not been waited for, in the order of birth.
func (k *Core) Processes() []*Process { return k.processes }

// Forks is how many processes and threads have been made since boot.
func (k *Core) Forks() uint64 { return k.forks }

// Switches is how often an event came from another thread than the one before.
func (k *Core) Switches() uint64 { return k.switches }

// RunnableThreads counts threads that are in user mode or ready to be.
func (k *Core) RunnableThreads() (running, all int) {
	for _, p := range k.processes {
		for _, t := range p.threads {
			all++
			if t.Run == Running {
				running++
			}
		}
	}
	return running, all
}

// FileContext fills the one vfs.Context for a thread. It is good until the next call.
func (k *Core) FileContext(t *Thread) *vfs.Context {
	c := &k.context
	p := t.Proc
	// Field by field: this is on the way of every call about files.
	c.Begin()
	c.V, c.Cred, c.FS, c.Files = k.VFS, t.Cred, t.FS, t.Files
	c.Task, c.Thread, c.PID, c.TID = t, t.WaitNumber(), p.Pid, t.Tid
	c.FileSizeLimit, c.OpenLimit = p.Limits[rlimitFSize].Cur, p.Limits[rlimitNoFile].Cur
	c.Mem = nil
	if t.MM != nil {
		c.Mem = t.MM
	}
	return c
}
