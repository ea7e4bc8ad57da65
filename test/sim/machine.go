package sim

import (
	"maps"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/ipc/console"
	"starling/ipc/rootfs"
	kernel "starling/ipc/sim"
	"starling/ipc/supervise"
	"starling/ipc/wire"
	"starling/pager"
	"starling/pager/client"
	"starling/pager/table"
	"starling/personality"
	"starling/personality/state"
	"starling/personality/task"
)

// T is who is told what goes wrong: *testing.T, or a program that is no test. Fatal does not return.
type T interface {
	Helper()
	Log(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Options says what is booted. Zero fields get defaults.
type Options struct {
	kernel.Config
	// FrameSlots bounds the number of threads. Default 256.
	FrameSlots int
	// Files of the root file system by path without leading slash: contents of
	// regular files with mode 0755. Directories on the way are made.
	Files map[string]string
	// Nodes are further entries: links, devices, other modes.
	Nodes []rootfs.Node
	// Personality starts the server under test. Default Linux.
	Personality Start
	// Schema describes what the personality exports, for showing differences.
	Schema *wire.Schema
	// Record keeps a log of all the personality is told, for Replay.
	Record bool
	// MaxSteps is how much may happen before a run counts as one that never ends. Default 20 million.
	MaxSteps int
	// Terminal: the program runs on a terminal.
	Terminal bool
	// Env and Cwd of the program. Defaults PATH=/bin and "/".
	Env []string
	Cwd string
	// Heap is the memory of the personality itself. Default nil: without bounds.
	Heap task.Heap
	// Observe, which may be nil, is told of changes of threads' states.
	Observe func(from, to task.RunState)
}

// Server is a personality as the harness sees it.
type Server interface {
	Handle(ev *ipc.Event)
	Export() []byte
	Import([]byte) error
}

// Start makes a personality. With fresh it is one that takes over: it starts no
// program, Import follows.
type Start func(p *Parts, fresh bool) (Server, error)

// Parts is what a personality is given: what root gives it on the machine.
type Parts struct {
	Transport ipc.Transport
	Window    unsafe.Pointer // physical address 0
	Memory    uint64         // bytes of physical memory
	Self      ipc.Handle     // its endpoint
	Pager     ipc.Handle     // wires
	Console   ipc.Handle
	Root      ipc.Handle

	Frames     ipc.Handle
	FrameBase  unsafe.Pointer
	FrameSlots int

	// RootFS is the root file system image; it lies at byte RootOffset of the boot
	// image, whose memory the pager has.
	RootFS     []byte
	RootOffset uint64

	Options *Options
	Args    []string
}

// Machine is a simulated machine with pager, console and personality.
type Machine struct {
	t       T
	options Options
	Kernel  *kernel.Kernel
	Pager   *pager.Pager
	Console *Console
	Server  Server
	parts   Parts
	pager   *kernel.Transport
	linux   *kernel.Transport
	root    *kernel.Transport
	images  map[string]*kernel.Image
	up      ipc.Handle // root's endpoint
	down    ipc.Handle // root's wire to the personality
	admin   ipc.Handle // root's wire to the pager
	reader  *client.Client
	crashes []string // servers that died, in order

	home     home
	report   supervise.Report
	recorder *kernel.Recorder
	checked  int
}

// Boot makes a machine with a pager and a console. Programs are added next; Run
// starts the personality.
func Boot(t T, o Options) *Machine {
	t.Helper()
	if o.FrameSlots == 0 {
		o.FrameSlots = 256
	}
	if o.MemoryPages == 0 {
		o.MemoryPages = 4096
	}
	if o.MaxSteps == 0 {
		o.MaxSteps = stepsLimit
	}
	if o.Personality == nil {
		o.Personality, o.Schema = Linux, &state.PersonalitySchema
	}
	if o.Cwd == "" {
		o.Cwd = "/"
	}
	if o.Env == nil {
		o.Env = []string{"PATH=/bin"}
	}
	k := kernel.New(o.Config)
	m := &Machine{t: t, options: o, Kernel: k, images: map[string]*kernel.Image{}}
	m.Console = newConsole(k)
	m.pager = k.Server("pager")
	m.root = k.Server("root")
	m.root.SetPriority(0)
	if os.Getenv("SIM_TRACE") != "" {
		k.Tap(func(msg kernel.Message) { t.Log(msg) })
	}
	m.up, _ = m.root.EndpointCreate()
	m.root.Serve(m.up, kernel.HandlerFunc(m.notified))
	return m
}

// Program adds an executable file whose code is f.
func (m *Machine) Program(path string, f kernel.Program) *kernel.Image {
	im := m.Kernel.Image(path, f)
	m.images[path] = im
	return im
}

// File adds a regular file.
func (m *Machine) File(path string, mode uint32, contents string) {
	m.options.Nodes = append(m.options.Nodes, rootfs.Node{Path: strings.TrimPrefix(path, "/"), Mode: unix.S_IFREG | mode, Data: []byte(contents)})
}

// fileSystem encodes the root file system.
func (m *Machine) fileSystem() []byte {
	nodes := slices.Clone(m.options.Nodes)
	for _, path := range slices.Sorted(maps.Keys(m.options.Files)) {
		nodes = append(nodes, rootfs.Node{Path: path, Mode: unix.S_IFREG | 0o755, Data: []byte(m.options.Files[path])})
	}
	for _, path := range slices.Sorted(maps.Keys(m.images)) {
		nodes = append(nodes, rootfs.Node{Path: strings.TrimPrefix(path, "/"), Mode: unix.S_IFREG | 0o755, Data: m.images[path].ELF()})
	}
	for _, dir := range []string{"dev", "proc", "tmp"} {
		nodes = append(nodes, rootfs.Node{Path: dir, Mode: unix.S_IFDIR | 0o777})
	}
	have := map[string]bool{}
	for _, n := range nodes {
		have[n.Path] = true
	}
	for i := 0; i < len(nodes); i++ { // parents are appended while going on
		dir := nodes[i].Path[:max(0, strings.LastIndexByte(nodes[i].Path, '/'))]
		if !have[dir] {
			have[dir] = true
			nodes = append(nodes, rootfs.Node{Path: dir, Mode: unix.S_IFDIR | 0o755})
		}
	}
	image, err := rootfs.Encode(nodes)
	if err != nil {
		m.t.Fatal(err)
	}
	return image
}

// Start boots pager and personality; the program has not run yet.
func (m *Machine) Start(args ...string) {
	m.t.Helper()
	fs := m.fileSystem()
	image := m.pager.Adopt(fs)
	base, _, _ := m.pager.MemoryInfo(image)

	frames := m.root.GiveMemory(uint64(m.options.FrameSlots))
	self, err := m.pager.EndpointCreate()
	if err != nil {
		m.t.Fatal(err)
	}
	window := table.NewWindow(m.Kernel.Window(), 0, uint64(len(m.Kernel.Physical())))
	m.Pager, err = pager.New(pager.Config{
		Window: window, WindowAddress: ipc.WindowAddress, Admin: supervise.Badge, Image: image,
		Memory: []ipc.Handle{m.pager.GiveMemory(0)},
	}, m.pager)
	if err != nil {
		m.t.Fatal(err)
	}
	m.pager.Serve(self, m.Pager)

	endpoint, err := m.root.EndpointCreate()
	if err != nil {
		m.t.Fatal(err)
	}
	m.home = home{self, endpoint, frames}
	m.parts = Parts{
		Window: m.Kernel.Window(), Memory: uint64(len(m.Kernel.Physical())),
		FrameSlots: m.options.FrameSlots,
		RootFS:     m.Kernel.Physical()[base : base+uint64(len(fs))],
		Options:    &m.options, Args: args,
	}
	m.Console.notify = m.wire(m.root, endpoint, m.Console.tr, 0)
	m.down = m.wire(m.root, endpoint, m.root, supervise.Badge)
	m.admin = m.wire(m.pager, self, m.root, supervise.Badge)
	if m.reader, err = client.New(m.root, m.admin, window); err != nil {
		m.t.Fatal(err)
	}
	m.root.TimerSet(m.up, m.Kernel.Now()+askEvery)
	m.launch()
}

// home is what root keeps for the personality, whatever becomes of its instances.
type home struct{ pager, endpoint, frames ipc.Handle }

// launch starts an instance of the personality.
func (m *Machine) launch() {
	m.linux = m.Kernel.Server("linux")
	p := &m.parts
	p.Transport = m.linux
	p.Self = m.linux.Give(m.root, m.home.endpoint)
	p.Pager = m.wire(m.pager, m.home.pager, m.linux, linuxBadge)
	p.Console = m.wire(m.Console.tr, m.Console.self, m.linux, 1<<console.Terminal|1<<console.Errors)
	p.Root = m.wire(m.root, m.up, m.linux, linuxBadge)
	p.Frames = m.linux.Give(m.root, m.home.frames)
	framesAt, _, _ := m.linux.MemoryInfo(p.Frames)
	p.FrameBase = unsafe.Pointer(&m.Kernel.Physical()[framesAt])
	var h kernel.Handler = handler{m}
	if m.options.Record {
		m.recorder = kernel.Record(m.linux)
		m.recorder.State(func() []byte { return m.Server.Export() })
		m.parts.Transport = m.recorder
		h = m.recorder.Handler(h)
	}
	var err error
	if m.Server, err = m.options.Personality(p, false); err != nil {
		m.t.Fatal(err)
	}
	m.linux.Serve(p.Self, h)
}

// linuxBadge is the personality's number at the servers it calls.
const linuxBadge = 7

// wire gives client a badged capability of an endpoint of server.
func (m *Machine) wire(server *kernel.Transport, endpoint ipc.Handle, client *kernel.Transport, badge uint64) ipc.Handle {
	h, err := server.EndpointMint(endpoint, badge)
	if err != nil {
		m.t.Fatal(err)
	}
	defer server.CapDelete(h)
	return client.Give(server, h)
}

// handler hands events to whichever server is the personality now.
type handler struct{ m *Machine }

func (h handler) Handle(ev *ipc.Event) {
	h.m.Server.Handle(ev)
	if h.m.options.Heap != nil {
		h.m.Server.(*personality.Personality).Relieve() // as between two messages on the machine
	}
}
