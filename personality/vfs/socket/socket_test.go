package socket_test

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/socket"
	"starling/personality/vfs/vfstest"
	"starling/personality/wait"
)

// world is a file layer with short names for what these tests do.
type world struct{ *vfstest.World }

func newWorld(t *testing.T) world { return world{vfstest.New(t)} }

func (w world) socket(typ int) *vfs.File {
	w.T.Helper()
	f, e := w.Sockets.Create(w.C, unix.AF_UNIX, typ, 0)
	if e != 0 {
		w.T.Fatalf("socket: %v", e)
	}
	return f
}

func (w world) pair(typ int) (a, b *vfs.File) {
	w.T.Helper()
	a, b, e := w.Sockets.Pair(w.C, unix.AF_UNIX, typ, 0)
	if e != 0 {
		w.T.Fatalf("socketpair: %v", e)
	}
	return a, b
}

func (w world) bind(f *vfs.File, name string) unix.Errno {
	return w.Sockets.Bind(w.C, socket.Of(f), []byte(name))
}

func (w world) connect(f *vfs.File, name string) unix.Errno {
	return w.Sockets.Connect(w.C, socket.Of(f), []byte(name), false)
}

func (w world) send(f *vfs.File, s string, msg socket.Message) (int, unix.Errno) {
	var io usermem.IO
	io.InitBytes([]byte(s))
	return w.Sockets.Send(w.C, socket.Of(f), &io, &msg)
}

func (w world) receive(f *vfs.File, n int, flags int) (string, socket.Message, unix.Errno) {
	var io usermem.IO
	b := make([]byte, n)
	io.InitBytes(b)
	msg := socket.Message{Flags: flags}
	k, e := w.Sockets.Receive(w.C, socket.Of(f), &io, &msg)
	return string(b[:k]), msg, e
}

func TestFamilies(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		domain, typ, protocol int
		want                  unix.Errno
	}{
		{unix.AF_UNIX, unix.SOCK_STREAM, 0, 0},
		{unix.AF_UNIX, unix.SOCK_SEQPACKET | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK, 0, 0},
		{unix.AF_UNIX, unix.SOCK_RAW, 0, 0},
		{unix.AF_UNIX, unix.SOCK_RDM, 0, unix.ESOCKTNOSUPPORT},
		{unix.AF_UNIX, unix.SOCK_STREAM, 6, unix.EPROTONOSUPPORT},
		{unix.AF_UNIX, 15, 0, unix.EINVAL},
		{unix.AF_INET, unix.SOCK_STREAM, 0, unix.EAFNOSUPPORT},
		{unix.AF_INET6, unix.SOCK_DGRAM, 0, unix.EAFNOSUPPORT},
		{unix.AF_NETLINK, unix.SOCK_RAW, 0, unix.EAFNOSUPPORT},
	} {
		f, e := w.Sockets.Create(w.C, c.domain, c.typ, c.protocol)
		if e != c.want {
			t.Errorf("socket(%d, %#x, %d): %v, want %v", c.domain, c.typ, c.protocol, e, c.want)
		}
		if e == 0 {
			w.V.Put(f)
		}
	}
}

func TestStreamByPathAndAbstract(t *testing.T) {
	for _, name := range []string{"/s\x00", "\x00hidden"} {
		w := newWorld(t)
		l := w.socket(unix.SOCK_STREAM)
		c := w.socket(unix.SOCK_STREAM)
		if e := w.connect(c, name); e != unix.ENOENT && e != unix.ECONNREFUSED {
			t.Errorf("connect before bind: %v", e)
		}
		if e := w.bind(l, name); e != 0 {
			t.Fatalf("bind %q: %v", name, e)
		}
		if e := w.connect(c, name); e != unix.ECONNREFUSED {
			t.Errorf("connect before listen: %v", e)
		}
		if e := w.bind(w.socket(unix.SOCK_STREAM), name); e != unix.EADDRINUSE {
			t.Errorf("bind twice: %v", e)
		}
		w.Sockets.Listen(w.C, socket.Of(l), 1)
		if e := w.connect(w.socket(unix.SOCK_DGRAM), name); e != unix.EPROTOTYPE {
			t.Errorf("connect by another type: %v", e)
		}
		if e := w.connect(c, name); e != 0 {
			t.Fatalf("connect: %v", e)
		}
		w.send(c, "early", socket.Message{})
		s, e := w.Sockets.Accept(w.C, socket.Of(l), 0)
		if e != 0 {
			t.Fatalf("accept: %v", e)
		}
		if got, _, e := w.receive(s, 100, 0); got != "early" || e != 0 {
			t.Errorf("received %q %v", got, e)
		}
		if b, e := socket.Of(c).PeerName(); e != 0 || !bytes.Equal(b, append([]byte{1, 0}, name...)) {
			t.Errorf("getpeername: %q %v", b, e)
		}
		w.send(s, "bye", socket.Message{})
		w.V.Put(s)
		if got, _, _ := w.receive(c, 100, 0); got != "bye" {
			t.Errorf("received %q", got)
		}
		if got, _, e := w.receive(c, 100, 0); got != "" || e != 0 {
			t.Errorf("at the end: %q %v", got, e)
		}
		if _, e := w.send(c, "x", socket.Message{}); e != unix.EPIPE || w.C.Raise != unix.SIGPIPE {
			t.Errorf("send to a closed peer: %v, signal %d", e, w.C.Raise)
		}
	}
}

func TestBacklog(t *testing.T) {
	w := newWorld(t)
	l := w.socket(unix.SOCK_STREAM)
	w.bind(l, "\x00l")
	w.Sockets.Listen(w.C, socket.Of(l), 0)
	first := w.socket(unix.SOCK_STREAM)
	if e := w.connect(first, "\x00l"); e != 0 {
		t.Fatal(e)
	}
	if e := w.connect(w.socket(unix.SOCK_STREAM), "\x00l"); e != unix.EAGAIN {
		t.Errorf("connect to a full backlog: %v", e)
	}
	w.send(first, "unread", socket.Message{})
	w.V.Put(l)
	if _, _, e := w.receive(first, 10, 0); e != unix.ECONNRESET {
		t.Errorf("the listener went with the connection pending: %v", e)
	}
}

func TestUnreadDataResets(t *testing.T) {
	w := newWorld(t)
	a, b := w.pair(unix.SOCK_STREAM)
	w.send(a, "never read", socket.Message{})
	w.V.Put(b)
	if ev := a.Ready(wait.In); ev&wait.Err == 0 || ev&wait.Hup == 0 {
		t.Errorf("ready %#x", ev)
	}
	if _, _, e := w.receive(a, 10, 0); e != unix.ECONNRESET {
		t.Errorf("receive: %v", e)
	}
	if _, _, e := w.receive(a, 10, 0); e != 0 {
		t.Errorf("the error was reported twice: %v", e)
	}
}

func TestMessagesKeepTheirBounds(t *testing.T) {
	for _, typ := range []int{unix.SOCK_DGRAM, unix.SOCK_SEQPACKET} {
		w := newWorld(t)
		a, b := w.pair(typ)
		w.send(a, "one", socket.Message{})
		w.send(a, "", socket.Message{})
		w.send(a, "three", socket.Message{})
		if got, msg, _ := w.receive(b, 2, unix.MSG_PEEK); got != "on" || msg.Out&unix.MSG_TRUNC == 0 || msg.Size != 3 {
			t.Errorf("peek: %q %#x %d", got, msg.Out, msg.Size)
		}
		for _, want := range []string{"one", "", "three"} {
			if got, _, e := w.receive(b, 100, 0); got != want || e != 0 {
				t.Errorf("received %q %v, want %q", got, e, want)
			}
		}
		if _, _, e := w.receive(b, 100, 0); e != unix.EAGAIN {
			t.Errorf("empty queue: %v", e)
		}
		if _, e := w.send(a, string(make([]byte, 300000)), socket.Message{}); e != unix.EMSGSIZE {
			t.Errorf("a message larger than the buffer: %v", e)
		}
	}
}

func TestDatagramsByName(t *testing.T) {
	w := newWorld(t)
	srv, c := w.socket(unix.SOCK_DGRAM), w.socket(unix.SOCK_DGRAM)
	w.bind(srv, "\x00srv")
	w.bind(c, "")
	if n, e := w.send(c, "hello", socket.Message{To: []byte("\x00srv")}); n != 5 || e != 0 {
		t.Fatalf("sendto: %d %v", n, e)
	}
	got, msg, _ := w.receive(srv, 100, 0)
	if got != "hello" || len(msg.From) != 6 {
		t.Errorf("received %q from %q", got, msg.From)
	}
	if n, e := w.send(srv, "back", socket.Message{To: msg.From}); n != 4 || e != 0 {
		t.Errorf("answer: %d %v", n, e)
	}
	if _, e := w.send(c, "x", socket.Message{}); e != unix.ENOTCONN {
		t.Errorf("no destination: %v", e)
	}
	for i := 0; ; i++ {
		if _, e := w.send(c, "fill", socket.Message{To: []byte("\x00srv")}); e == unix.EAGAIN {
			if i != 11 {
				t.Errorf("%d datagrams fit, on Linux 11", i)
			}
			break
		}
	}
	if e := w.connect(c, "\x00srv"); e != 0 {
		t.Fatal(e)
	}
	w.V.Put(srv)
	if _, e := w.send(c, "x", socket.Message{}); e != unix.ECONNREFUSED {
		t.Errorf("the destination went: %v", e)
	}
}

func TestRightsTravel(t *testing.T) {
	w := newWorld(t)
	a, b := w.pair(unix.SOCK_STREAM)
	f := w.MustOpen("/file", unix.O_CREAT|unix.O_RDWR, 0600)
	w.Write(f, []byte("contents"))
	w.send(a, "plain", socket.Message{})
	if _, e := w.send(a, "with", socket.Message{Files: []*vfs.File{f.Get()}}); e != 0 {
		t.Fatal(e)
	}
	w.send(a, "after", socket.Message{})
	w.V.Put(f)
	w = world{w.swap(&a, &b)}
	got, msg, _ := w.receive(b, 100, 0)
	if got != "plainwith" || len(msg.Files) != 1 {
		t.Fatalf("received %q with %d files, want the read to end behind the descriptor", got, len(msg.Files))
	}
	if c, e := w.ReadAt(msg.Files[0], 100, 0); string(c) != "contents" || e != 0 {
		t.Errorf("the file that travelled: %q %v", c, e)
	}
	if got, _, _ := w.receive(b, 100, 0); got != "after" {
		t.Errorf("received %q", got)
	}
}

// swap exchanges the world with both files in descriptors, so that they survive.
func (w world) swap(a, b **vfs.File) *vfstest.World {
	fa, _ := w.C.Alloc(*a, 0, false)
	fb, _ := w.C.Alloc(*b, 0, false)
	n := w.Swap()
	*a, *b = n.C.Files.Get(fa), n.C.Files.Get(fb)
	return n
}

func TestCycleInFlightIsCollected(t *testing.T) {
	w := newWorld(t)
	a, b := w.pair(unix.SOCK_DGRAM)
	// Each end travels to the other, then nobody holds them.
	w.send(a, "a", socket.Message{Files: []*vfs.File{a.Get()}})
	w.send(b, "b", socket.Message{Files: []*vfs.File{b.Get()}})
	w.V.Put(a)
	w.V.Put(b)
	// Closing any socket looks for cycles.
	w.V.Put(w.socket(unix.SOCK_STREAM))
	left := 0
	w.V.Files(func(*vfs.File) { left++ })
	if left != 0 {
		t.Errorf("%d files are still open", left)
	}
	if n := w.Store.Objects(); n != 0 {
		t.Errorf("%d memory objects left", n)
	}
}

func TestShutdown(t *testing.T) {
	w := newWorld(t)
	a, b := w.pair(unix.SOCK_STREAM)
	w.send(a, "x", socket.Message{})
	w.Sockets.Shutdown(socket.Of(a), unix.SHUT_WR)
	if got, _, _ := w.receive(b, 10, 0); got != "x" {
		t.Errorf("what was sent before: %q", got)
	}
	if got, _, e := w.receive(b, 10, 0); got != "" || e != 0 {
		t.Errorf("then the end: %q %v", got, e)
	}
	if _, e := w.send(b, "y", socket.Message{}); e != 0 {
		t.Errorf("the other direction: %v", e)
	}
	if ev := b.Ready(wait.In | wait.RdHup | wait.Out); ev != wait.In|wait.RdHup|wait.Out {
		t.Errorf("ready %#x", ev)
	}
}

func TestPeerCredentials(t *testing.T) {
	w := newWorld(t)
	a, _ := w.pair(unix.SOCK_STREAM)
	v, e := socket.Of(a).Option(unix.SOL_SOCKET, unix.SO_PEERCRED)
	if e != 0 || !bytes.Equal(v, []byte{10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("SO_PEERCRED %v %v", v, e)
	}
	if _, e := socket.Of(a).Option(unix.SOL_SOCKET, 9999); e != unix.ENOPROTOOPT {
		t.Errorf("an unknown option: %v", e)
	}
}

func TestStreamFlow(t *testing.T) {
	w := newWorld(t)
	a, b := w.pair(unix.SOCK_STREAM)
	total := 0
	chunk := string(make([]byte, 30000))
	for {
		n, e := w.send(a, chunk, socket.Message{})
		total += n
		if e == unix.EAGAIN {
			break
		}
	}
	if ev := a.Ready(wait.Out); ev != 0 {
		t.Errorf("a full buffer is ready for %#x", ev)
	}
	w.V.Waits.Add(a.WaitID(), 5, wait.Out)
	got := 0
	for got < total {
		s, _, e := w.receive(b, 10000, 0)
		if e != 0 {
			t.Fatal(e)
		}
		got += len(s)
	}
	if th, ok := w.V.Waits.Woken(); !ok || th != 5 {
		t.Error("the sender was not woken")
	}
}
