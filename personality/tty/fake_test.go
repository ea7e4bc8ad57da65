package tty

import (
	"testing"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// world is what a terminal needs around it.
type world struct {
	now     int64
	id      uint64
	signals []sent
	orphans map[int32]bool
	session map[int32]int32 // of process groups
	dropped []int32
	v       *vfs.VFS
	m       *Manager
}

type sent struct {
	group int32 // process group, or -pid
	sig   unix.Signal
}

func (w *world) Now() int64          { return w.now }
func (w *world) WallNow() int64      { return w.now }
func (w *world) NewID() uint64       { w.id++; return w.id }
func (w *world) RoomFor(uint64) bool { return true }

func (w *world) SignalGroup(group int32, sig unix.Signal) {
	w.signals = append(w.signals, sent{group, sig})
}
func (w *world) SignalProcess(pid int32, sig unix.Signal) {
	w.signals = append(w.signals, sent{-pid, sig})
}
func (w *world) GroupOrphaned(group int32) bool { return w.orphans[group] }
func (w *world) GroupSession(group int32) (int32, bool) {
	s, ok := w.session[group]
	return s, ok
}
func (w *world) DropTerminal(session int32) { w.dropped = append(w.dropped, session) }

func newWorld(wire Wire) *world {
	w := &world{orphans: map[int32]bool{}, session: map[int32]int32{}}
	w.v = vfs.New(w, wait.NewTable())
	w.m = New(w.v, w, wire)
	return w
}

// task is a calling thread.
type task struct {
	pid, group, sid int32
	terminal        uint64
	ignored         map[unix.Signal]bool
}

func (k *task) ProcessID() int32                { return k.pid }
func (k *task) GroupID() int32                  { return k.group }
func (k *task) SessionID() int32                { return k.sid }
func (k *task) Terminal() uint64                { return k.terminal }
func (k *task) SetTerminal(id uint64)           { k.terminal = id }
func (k *task) Disregards(sig unix.Signal) bool { return k.ignored[sig] }

func (w *world) context(k *task) *vfs.Context {
	c := w.v.System()
	if k != nil {
		c.Task = k
	}
	return c
}

func readAll(t *testing.T, w *world, side *TTY, n int) ([]byte, unix.Errno) {
	t.Helper()
	buf := make([]byte, n)
	var io usermem.IO
	io.InitBytes(buf)
	k, e := side.read(w.context(nil), nil, &io)
	return buf[:k], e
}

func writeAll(w *world, side *TTY, p []byte) (int, unix.Errno) {
	var io usermem.IO
	io.InitBytes(p)
	return side.write(w.context(nil), &io)
}
