package personality

import (
	"bytes"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/ipc/bootconfig"
	"starling/ipc/console"
	"starling/ipc/rootfs"
	"starling/ipc/supervise"
	"starling/pager/client"
	"starling/personality/instance"
	"starling/personality/syscalls"
	"starling/personality/task"
	"starling/personality/tty"
	"starling/personality/vdso"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
	"starling/personality/vfs/devfs"
	"starling/personality/vfs/tmpfs"
)

// Config is what a personality is given: capabilities, memory, and what to run.
type Config struct {
	// Endpoint is its own; the others are wires.
	Endpoint, PagerWire, ConsoleWire, RootWire ipc.Handle

	// Frames is the memory of the frames area, mapped at FrameBase; each of its
	// FrameSlots pages can be the frame of one thread.
	Frames     ipc.Handle
	FrameBase  unsafe.Pointer
	FrameSlots int

	// RootFS is the image of the root file system, RootOffset where it lies in the boot image.
	RootFS     []byte
	RootOffset uint64

	// CPU is what programs may know of the processor, Clock how they turn its counter into time.
	CPU   isa.CPU
	Clock vdso.Data

	// Boot says what to run and how.
	Boot bootconfig.Config

	// Heap is the server's own memory (task.Config).
	Heap task.Heap

	// Observe, which may be nil, is told of changes of threads' states (task.Config).
	Observe func(from, to task.RunState)
}

// Personality is Linux: a state machine that takes one event at a time.
type Personality struct {
	cfg      Config
	t        ipc.Transport
	k        *task.Core
	ttys     *tty.Manager
	console  *console.Client
	devtmpfs *tmpfs.Type
	pts      *devfs.Pts
	pseudo   pseudo
	report   supervise.Report
}

// New makes a personality in which nothing runs: Start or Import is next.
func New(cfg Config, t ipc.Transport, pager *client.Client) (*Personality, error) {
	p := &Personality{cfg: cfg, t: t}
	p.k = task.New(task.Config{
		Transport: t, Endpoint: cfg.Endpoint, PagerWire: cfg.PagerWire, Pager: pager,
		Frames: cfg.Frames, FrameBase: cfg.FrameBase, FrameSlots: cfg.FrameSlots,
		CPU: cfg.CPU, Seed: [2]uint64{cfg.Boot.Seed, cfg.Boot.Seed ^ seedTwist},
		WallTime: cfg.Boot.WallTime, Randomize: true, Heap: cfg.Heap, Observe: cfg.Observe,
	})
	p.k.OnExit = p.programEnded
	store := content.Pager{Client: pager}
	p.k.AddFileModules(store)
	v := p.k.VFS
	if len(cfg.RootFS) > 0 {
		im, err := rootfs.Open(cfg.RootFS)
		if err != nil {
			return nil, err
		}
		p.k.Tmpfs.SetImage(im, cfg.RootOffset)
	}
	p.devtmpfs = tmpfs.New(v, store, "devtmpfs")
	var wire tty.Wire
	if cfg.ConsoleWire != 0 {
		p.console = &console.Client{Transport: t, Endpoint: cfg.ConsoleWire}
		wire = p.console
	}
	p.ttys = tty.New(v, task.Jobs{K: p.k}, wire)
	p.k.Terminal = p.ttys
	devfs.Register(v, random{p.k})
	p.pts = devfs.NewPts(v, p.ttys)
	p.addProc()
	clockSet := p.k.ClockSet
	p.k.ClockSet = func() {
		clockSet()
		p.publishClock()
	}
	p.k.ClockChanged = p.publishClock
	syscalls.Install(p.k)
	return p, nil
}

// seedTwist makes the second word of the seed another one than the first.
const seedTwist = 0x9e3779b97f4a7c15

// random is the core's randomness as devices want it.
type random struct{ k *task.Core }

// Fill implements devfs.Random.
func (r random) Fill(p []byte) { r.k.Rand(p) }

// clockData is what the vDSO's data page says now.
func (p *Personality) clockData() *vdso.Data {
	d := p.cfg.Clock
	d.Realtime = p.k.Clock.WallOffset
	d.TAI = int64(p.k.Clock.TaiOffset) * 1e9
	d.ZoneWest, d.ZoneDST = p.k.Clock.MinutesWest, p.k.Clock.DstTime
	return &d
}

func (p *Personality) publishClock() { p.k.MM.SetClock(p.clockData()) }

// Start mounts the root file system and starts the program. A program that cannot
// be started is reported to root, it is no error here.
func (p *Personality) Start() error {
	if e := p.k.MM.InitVDSO(p.clockData()); e != 0 {
		return fmt.Errorf("vDSO: %w", e)
	}
	if e := p.mount(); e != 0 {
		return fmt.Errorf("mounting: %w", e)
	}
	args := p.cfg.Boot.Args
	if len(args) == 0 {
		return fmt.Errorf("no program to run")
	}
	program := p.cfg.Boot.Program
	if program == "" {
		program = args[0]
	}
	p.report = supervise.Report{State: supervise.Running}
	if e := p.k.Start(p.find(program), args, p.cfg.Boot.Env, p.prepare); e != 0 {
		p.report = supervise.Report{State: supervise.Refused, Code: uint32(e), Text: program + ": " + e.Error()}
		p.changed()
	}
	return nil
}

// mount makes the tree of a fresh system.
func (p *Personality) mount() unix.Errno {
	v := p.k.VFS
	v.MountRoot(p.k.Tmpfs.NewRoot(), 0, "root")
	if e := devfs.Mount(v, p.devtmpfs.NewSuper(0755, ""), p.k.Tmpfs.NewSuper(01777, ""), p.pts); e != 0 {
		return e
	}
	return p.mountProc()
}

// find is the path of the program: as execvp(3) does it, with the environment's PATH.
func (p *Personality) find(name string) string {
	for i := range len(name) {
		if name[i] == '/' {
			return name
		}
	}
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, e := range p.cfg.Boot.Env {
		if len(e) > 5 && e[:5] == "PATH=" {
			path = e[5:]
		}
	}
	x := p.k.VFS.System()
	for _, dir := range bytes.Split([]byte(path), []byte{':'}) {
		full := append(append(bytes.Clone(dir), '/'), name...)
		if f, e := x.OpenExec(unix.AT_FDCWD, full, 0); e == 0 {
			p.k.VFS.Put(f)
			return string(full)
		}
	}
	return name
}

// prepare gives the first program its standard streams and working directory.
func (p *Personality) prepare(t *task.Thread) unix.Errno {
	x := p.k.FileContext(t)
	if dir := p.cfg.Boot.Dir; dir != "" {
		to, e := x.Lookup(unix.AT_FDCWD, []byte(dir), vfs.Follow|vfs.Directory)
		if e == 0 {
			e = x.Chdir(to)
		}
		if e != 0 {
			return e
		}
	}
	if p.cfg.Boot.Flags&bootconfig.Terminal != 0 {
		console := p.ttys.OpenConsole(p.cfg.Boot.Rows, p.cfg.Boot.Columns)
		// /dev/console never becomes a controlling terminal by being opened.
		f, e := x.Open(unix.AT_FDCWD, []byte("/dev/console"), &vfs.OpenHow{Flags: unix.O_RDWR})
		if e != 0 {
			return e
		}
		console.Adopt(t)
		for fd := range int32(3) {
			if _, e := x.Alloc(f.Get(), fd, false); e != 0 {
				return e
			}
		}
		p.k.VFS.Put(f)
		return 0
	}
	files, e := p.ttys.OpenStreams()
	if e != 0 {
		return e
	}
	for fd, f := range files {
		if _, e := x.Alloc(f, int32(fd), false); e != 0 {
			return e
		}
	}
	return 0
}

// Traps implements instance.Trapper.
func (p *Personality) Traps() instance.Traps { return p.k }

// Relieve is for after a collection: see task.Core.RelieveHeap.
func (p *Personality) Relieve() { p.k.RelieveHeap() }

// Handle is one event, to its end.
func (p *Personality) Handle(ev *ipc.Event) {
	switch ev.Kind {
	case ipc.EventNotify:
		p.k.Clock.SetNow(ev.Time)
		p.ttys.Notified(ev.Bits)
		p.k.Settle()
	case ipc.EventMessage:
		p.k.Clock.SetNow(ev.Time)
		p.answer(ev)
		p.k.Settle()
	default:
		p.k.Handle(ev)
	}
}
