package epoll_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
	"starling/personality/vfs/epoll"
	"starling/personality/vfs/vfstest"
	"starling/personality/wait"
)

const in, out = uint32(wait.In), uint32(wait.Out)

// collect is epoll_wait that does not wait: the data of what is ready.
func collect(e *epoll.Epoll) (data []uint64) {
	e.Collect(100, func(_ uint32, d uint64) bool {
		data = append(data, d)
		return true
	})
	return data
}

func instance(t *testing.T, w *vfstest.World) (*vfs.File, *epoll.Epoll) {
	t.Helper()
	f, e := w.Epolls.Create()
	if e != 0 {
		t.Fatal(e)
	}
	return f, epoll.Of(f)
}

func eventFD(t *testing.T, w *vfstest.World) *vfs.File {
	t.Helper()
	f, e := w.Events.EventFD(0, 0)
	if e != 0 {
		t.Fatal(e)
	}
	return f
}

var one = []byte{1, 0, 0, 0, 0, 0, 0, 0}

func TestLevelEdgeOneShot(t *testing.T) {
	for _, c := range []struct {
		name        string
		mode        uint32
		first, then int // events of two waits after one write
		again       int // of a wait after a second write, without a read
	}{
		{"level", 0, 1, 1, 1},
		{"edge", epoll.Edge, 1, 0, 1},
		{"one shot", epoll.OneShot, 1, 0, 0},
	} {
		w := vfstest.New(t)
		_, e := instance(t, w)
		f := eventFD(t, w)
		if errno := e.Add(3, f, in|c.mode, 42); errno != 0 {
			t.Fatal(errno)
		}
		if got := collect(e); len(got) != 0 {
			t.Errorf("%s: ready before anything: %v", c.name, got)
		}
		w.Write(f, one)
		if got := collect(e); len(got) != c.first {
			t.Errorf("%s: %d events, want %d", c.name, len(got), c.first)
		}
		if got := collect(e); len(got) != c.then {
			t.Errorf("%s: %d events the second time, want %d", c.name, len(got), c.then)
		}
		w.Write(f, one)
		if got := collect(e); len(got) != c.again {
			t.Errorf("%s: %d events after another write, want %d", c.name, len(got), c.again)
		}
		e.Modify(3, f, in, 7)
		if got := collect(e); len(got) != 1 || got[0] != 7 {
			t.Errorf("%s: after EPOLL_CTL_MOD: %v", c.name, got)
		}
		w.Read(f, 8)
		if got := collect(e); len(got) != 0 {
			t.Errorf("%s: still ready after the read: %v", c.name, got)
		}
	}
}

func TestControlErrors(t *testing.T) {
	w := vfstest.New(t)
	ef, e := instance(t, w)
	f := eventFD(t, w)
	reg := w.MustOpen("/file", unix.O_CREAT|unix.O_RDWR, 0600)
	for _, c := range []struct {
		what string
		got  unix.Errno
		want unix.Errno
	}{
		{"a regular file", e.Add(1, reg, in, 0), unix.EPERM},
		{"itself", e.Add(1, ef, in, 0), unix.EINVAL},
		{"MOD of what is not there", e.Modify(1, f, in, 0), unix.ENOENT},
		{"DEL of what is not there", e.Delete(1, f), unix.ENOENT},
		{"ADD", e.Add(1, f, in, 0), 0},
		{"ADD again", e.Add(1, f, in, 0), unix.EEXIST},
		{"ADD under another number", e.Add(2, f, in, 0), 0},
		{"EPOLLEXCLUSIVE with EPOLLONESHOT", e.Add(3, f, in|epoll.Exclusive|epoll.OneShot, 0), unix.EINVAL},
		{"MOD to EPOLLEXCLUSIVE", e.Modify(1, f, in|epoll.Exclusive, 0), unix.EINVAL},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestNesting(t *testing.T) {
	w := vfstest.New(t)
	fa, a := instance(t, w)
	fb, b := instance(t, w)
	f := eventFD(t, w)
	b.Add(1, f, in, 1)
	if errno := a.Add(2, fb, in, 2); errno != 0 {
		t.Fatal(errno)
	}
	if errno := b.Add(3, fa, in, 3); errno != unix.ELOOP {
		t.Errorf("a circle: %v", errno)
	}
	w.Write(f, one)
	if got := collect(a); len(got) != 1 || got[0] != 2 {
		t.Errorf("the outer instance: %v", got)
	}
	if ev := fa.Ready(wait.In); ev != wait.In {
		t.Errorf("the outer instance is ready for %#x", ev)
	}
	top := fa
	for i := 0; ; i++ {
		nf, n := instance(t, w)
		if errno := n.Add(1, top, in, 0); errno != 0 {
			if errno != unix.ELOOP || i != 2 {
				t.Errorf("nesting refused at %d with %v", i, errno)
			}
			break
		}
		top = nf
	}
}

func TestClosedFilesLeave(t *testing.T) {
	w := vfstest.New(t)
	_, e := instance(t, w)
	f, g := eventFD(t, w), eventFD(t, w)
	e.Add(1, f, in|out, 1)
	e.Add(2, g, out, 2)
	w.V.Put(f)
	if got := collect(e); len(got) != 1 || got[0] != 2 {
		t.Errorf("after a close: %v", got)
	}
}

func TestWakesAndSwaps(t *testing.T) {
	w := vfstest.New(t)
	ef, e := instance(t, w)
	f, g := eventFD(t, w), eventFD(t, w)
	efd, _ := w.C.Alloc(ef, 0, false)
	ffd, _ := w.C.Alloc(f, 0, false)
	w.C.Alloc(g, 0, false)
	e.Add(ffd, f, in|epoll.Edge, 1)
	e.Add(2, g, out|epoll.Edge, 2)
	n := w.Swap()
	e = epoll.Of(n.C.Files.Get(efd))
	n.V.Waits.Add(e.WaitID(), 9, wait.In)
	n.Write(n.C.Files.Get(ffd), one)
	if th, ok := n.V.Waits.Woken(); !ok || th != 9 {
		t.Error("who waits for the instance was not woken")
	}
	if got := collect(e); len(got) != 2 || got[0] != 2 || got[1] != 1 {
		t.Errorf("ready in the order %v, want what was ready before the swap first", got)
	}
}
