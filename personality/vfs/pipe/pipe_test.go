package pipe_test

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
	"starling/personality/vfs/pipe"
	"starling/personality/vfs/vfstest"
	"starling/personality/wait"
)

func create(t *testing.T, w *vfstest.World, flags uint32) (r, wr *vfs.File) {
	t.Helper()
	r, wr, e := w.Pipes.Create(w.C, flags)
	if e != 0 {
		t.Fatalf("pipe: %v", e)
	}
	return r, wr
}

func TestBytesComeOutAsTheyWentIn(t *testing.T) {
	w := vfstest.New(t)
	r, wr := create(t, w, 0)
	var sent, got []byte
	n := 1
	for len(sent) < 1<<20 {
		n = n*7%9001 + 1
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(len(sent) + i*3)
		}
		k, e := w.Write(wr, b)
		if e != 0 && e != unix.EAGAIN {
			t.Fatalf("write: %v", e)
		}
		sent = append(sent, b[:k]...)
		for range n % 3 {
			b, e := w.Read(r, n*2%7000+1)
			if e != 0 && e != unix.EAGAIN {
				t.Fatalf("read: %v", e)
			}
			got = append(got, b...)
		}
	}
	for {
		b, e := w.Read(r, 4096)
		if e == unix.EAGAIN {
			break
		}
		got = append(got, b...)
	}
	if !bytes.Equal(sent, got) {
		t.Fatalf("%d bytes sent, %d received, or not the same", len(sent), len(got))
	}
}

func TestSmallWritesAreAtomic(t *testing.T) {
	w := vfstest.New(t)
	r, wr := create(t, w, 0)
	if n, _ := w.Write(wr, make([]byte, pipe.DefaultSize-100)); n != pipe.DefaultSize-100 {
		t.Fatalf("filled %d", n)
	}
	if n, e := w.Write(wr, make([]byte, pipe.Atomic)); n != 0 || e != unix.EAGAIN {
		t.Errorf("a write of PIPE_BUF was split: %d %v", n, e)
	}
	if n, e := w.Write(wr, make([]byte, pipe.Atomic+1)); n != 100 || e != unix.EAGAIN {
		t.Errorf("a longer write: %d %v, want the 100 that fit and EAGAIN", n, e)
	}
	if ev := wr.Ready(wait.Out); ev != 0 {
		t.Errorf("a full pipe is ready for %#x", ev)
	}
	w.Read(r, pipe.Atomic)
	if ev := wr.Ready(wait.Out); ev != wait.Out {
		t.Errorf("with PIPE_BUF free it is ready for %#x", ev)
	}
}

func TestEnds(t *testing.T) {
	w := vfstest.New(t)
	r, wr := create(t, w, 0)
	w.Write(wr, []byte("last"))
	w.V.Put(wr)
	if b, e := w.Read(r, 10); string(b) != "last" || e != 0 {
		t.Errorf("after the writer closed: %q %v", b, e)
	}
	if b, e := w.Read(r, 10); len(b) != 0 || e != 0 {
		t.Errorf("at the end: %q %v", b, e)
	}
	if ev := r.Ready(wait.In); ev != wait.Hup {
		t.Errorf("ready %#x, want POLLHUP", ev)
	}
	w.V.Put(r)

	r, wr = create(t, w, 0)
	w.V.Put(r)
	if n, e := w.Write(wr, []byte("x")); n != 0 || e != unix.EPIPE || w.C.Raise != unix.SIGPIPE {
		t.Errorf("without a reader: %d %v, signal %d", n, e, w.C.Raise)
	}
	if ev := wr.Ready(wait.Out); ev&wait.Err == 0 {
		t.Errorf("ready %#x, want POLLERR", ev)
	}
	w.V.Put(wr)
	if n := w.Store.Objects(); n != 0 {
		t.Errorf("%d memory objects left behind", n)
	}
}

func TestPackets(t *testing.T) {
	w := vfstest.New(t)
	r, wr := create(t, w, unix.O_DIRECT)
	w.Write(wr, []byte("first"))
	w.Write(wr, []byte("second"))
	if b, _ := w.Read(r, 3); string(b) != "fir" {
		t.Errorf("read %q", b)
	}
	if b, _ := w.Read(r, 100); string(b) != "second" {
		t.Errorf("the rest of a packet was not dropped: %q", b)
	}
}

func TestResizeKeepsTheBytes(t *testing.T) {
	w := vfstest.New(t)
	r, wr := create(t, w, 0)
	data := bytes.Repeat([]byte("0123456789abcdef"), 600)
	w.Write(wr, data)
	w.Read(r, 100)
	p := pipe.Of(r)
	if _, e := w.Pipes.Resize(w.C, p, 4096); e != unix.EBUSY {
		t.Errorf("smaller than what is in it: %v", e)
	}
	if n, e := w.Pipes.Resize(w.C, p, 9500); n != 16384 || e != 0 {
		t.Errorf("resized to %d, %v", n, e)
	}
	if b, _ := w.Read(r, 20000); !bytes.Equal(b, data[100:]) {
		t.Errorf("%d bytes, or other ones", len(b))
	}
}

func TestFIFOOpenWaitsForThePeer(t *testing.T) {
	w := vfstest.New(t)
	if _, e := w.C.Mknod(unix.AT_FDCWD, []byte("/f"), unix.S_IFIFO|0600, 0); e != 0 {
		t.Fatal(e)
	}
	if _, e := w.Open("/f", unix.O_WRONLY|unix.O_NONBLOCK, 0); e != unix.ENXIO {
		t.Errorf("writer without a reader: %v", e)
	}
	_, e := w.Open("/f", unix.O_RDONLY, 0)
	if e != unix.EAGAIN || w.C.WaitOn == 0 {
		t.Fatalf("reader without a writer: %v, waits on %d", e, w.C.WaitOn)
	}
	// The reader waits; a writer comes, writes and goes before it runs again.
	readerCall, on := *w.C.Call, w.C.WaitOn
	w.V.Waits.Add(on, 7, wait.Any)
	wr, e := w.Open("/f", unix.O_WRONLY|unix.O_NONBLOCK, 0)
	if e != 0 {
		t.Fatalf("writer while a reader waits: %v", e)
	}
	if th, ok := w.V.Waits.Woken(); !ok || th != 7 {
		t.Errorf("the reader was not woken")
	}
	w.V.Put(wr)
	w.V.Waits.Remove(on, 7)
	*w.C.Call, w.C.Again = readerCall, true
	r, e := w.Open("/f", unix.O_RDONLY, 0)
	if e != 0 {
		t.Fatalf("the reader missed a writer that came and went: %v", e)
	}
	if b, e := w.Read(r, 1); len(b) != 0 || e != 0 {
		t.Errorf("read %q %v, want the end", b, e)
	}
}

func TestSwapInTheMiddle(t *testing.T) {
	w := vfstest.New(t)
	r, wr := create(t, w, 0)
	rfd, _ := w.C.Alloc(r, 0, false)
	wfd, _ := w.C.Alloc(wr, 0, true)
	w.Write(wr, []byte("before"))
	n := w.Swap()
	if !n.C.Files.CloseOnExec(wfd) || n.C.Files.CloseOnExec(rfd) {
		t.Error("close-on-exec was lost")
	}
	n.Write(n.C.Files.Get(wfd), []byte("+after"))
	if b, e := n.Read(n.C.Files.Get(rfd), 100); string(b) != "before+after" || e != 0 {
		t.Errorf("read %q %v", b, e)
	}
}
