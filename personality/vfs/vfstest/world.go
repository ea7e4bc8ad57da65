// Package vfstest is a file layer for tests: contents in ordinary memory, a clock
// that is set by hand, one process. Only tests import it.
package vfstest

import (
	"math"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/ipc/rootfs"
	"starling/personality/clock"
	"starling/personality/cred"
	"starling/personality/state"
	"starling/personality/vfs"
	"starling/personality/vfs/content/memory"
	"starling/personality/vfs/epoll"
	"starling/personality/vfs/event"
	"starling/personality/vfs/pipe"
	"starling/personality/vfs/socket"
	"starling/personality/vfs/tmpfs"
	"starling/personality/wait"
)

// Failer is the part of testing.TB that a World needs; rapid.T has it too.
type Failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// World is a file layer with everything in it.
type World struct {
	T       Failer
	Store   *memory.Store
	V       *vfs.VFS
	Tmpfs   *tmpfs.Type
	Pipes   *pipe.Pipes
	Sockets *socket.Sockets
	Epolls  *epoll.Epolls
	Events  *event.Events
	Clock   *clock.Clock
	// C is the context of the one process.
	C *vfs.Context

	env *env
}

// env is the core: time and ids.
type env struct {
	now, wall int64
	id        uint64
	image     *rootfs.Image
}

func (e *env) Now() int64          { return e.now }
func (e *env) WallNow() int64      { return e.wall + e.now }
func (e *env) NewID() uint64       { e.id++; return e.id }
func (e *env) RoomFor(uint64) bool { return true }

// wallStart is the time of day when a test begins, in ns since the epoch.
const wallStart = 1_700_000_000_000_000_000

// New makes a world with an empty root, run by root.
func New(t Failer) *World {
	w := bare(t, memory.New(), &env{wall: wallStart, id: 1000})
	return w.start(w.Tmpfs.NewSuper(0755, ""))
}

// NewFromImage makes a world whose root is an image; data are its bytes.
func NewFromImage(t Failer, im *rootfs.Image, data []byte) *World {
	e := &env{wall: wallStart, id: 1000, image: im}
	w := bare(t, memory.New(), e)
	w.Store.Image = data
	return w.start(w.Tmpfs.NewRoot())
}

func (w *World) start(s *vfs.Super) *World {
	w.V.MountRoot(s, unix.MS_RELATIME, "rootfs")
	w.C = w.context()
	w.C.FS = w.V.NewFSContext()
	w.C.Files = w.V.NewFDTable()
	return w
}

func bare(t Failer, store *memory.Store, e *env) *World {
	w := &World{T: t, Store: store, env: e}
	w.Clock = clock.New(wallStart, nil)
	w.V = vfs.New(e, wait.NewTable())
	w.Tmpfs = tmpfs.New(w.V, store, "tmpfs")
	if e.image != nil {
		w.Tmpfs.SetImage(e.image, 0)
	}
	w.Pipes = pipe.New(w.V, store)
	w.Sockets = socket.New(w.V, store)
	w.Epolls = epoll.New(w.V)
	w.Events = event.New(w.V, w.Clock)
	return w
}

func (w *World) context() *vfs.Context {
	return &vfs.Context{V: w.V, Cred: cred.Root(1), PID: 10, TID: 10, Thread: 10,
		FileSizeLimit: math.MaxUint64, OpenLimit: 1024, Call: &state.CallT{}, Mem: NewMemory(1 << 16)}
}

// Advance lets time pass.
func (w *World) Advance(ns int64) {
	w.env.now += ns
	w.Clock.SetNow(w.env.now)
}

// pack is the state as bytes.
func pack(v *vfs.VFS) []byte { return codec.Encode(v.Export()) }

var codec = state.CodecOf[state.VFST]("VFS")

// Swap exports the world, imports it into a fresh one that shares the contents, and
// checks that the fresh one exports the same bytes.
func (w *World) Swap() *World {
	w.T.Helper()
	before := pack(w.V)
	n := bare(w.T, w.Store, w.env)
	n.Clock.SetNow(w.env.now)
	st, err := codec.Decode(before)
	if err != nil {
		w.T.Fatalf("%v", err)
	}
	r, e := n.V.Import(st)
	if e != 0 {
		w.T.Fatalf("import: %v", e)
	}
	n.C = n.context()
	n.C.Cred = w.C.Cred
	n.C.FS = r.FSContext(w.C.FS.ID)
	n.C.Files = r.FDTable(w.C.Files.ID)
	if after := pack(n.V); string(after) != string(before) {
		w.T.Fatalf("state changed by import:\n%s", cmp.Diff(w.V.Export(), n.V.Export()))
	}
	return n
}

// Memory is a program's memory: the bytes from address Base on. It implements usermem.Memory.
type Memory struct{ B []byte }

// Base is the address of the first byte.
const Base = 0x10000

// NewMemory makes n bytes of memory.
func NewMemory(n int) *Memory { return &Memory{make([]byte, n)} }

// Span implements usermem.Memory. Spans end at page boundaries, as in a real space.
func (m *Memory) Span(va uint64, n int, _ ipc.Access) ([]byte, unix.Errno) {
	off := va - Base
	if off >= uint64(len(m.B)) {
		return nil, unix.EFAULT
	}
	end := min(off+uint64(n), uint64(len(m.B)), (off/ipc.PageSize+1)*ipc.PageSize)
	return m.B[off:end], 0
}
