package client

import (
	"testing"
	"unsafe"

	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/table"
)

// wire answers calls as the test says.
type wire struct {
	ipc.Transport
	buffer [ipc.MessageSize]byte
	answer func(request []byte, buffer []byte) (int, ipc.Handle, error)
	cap    ipc.Handle
	calls  int
}

func (w *wire) Buffer() []byte { return w.buffer[:] }

func (w *wire) Call(_ ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error) {
	w.calls++
	w.cap = cap
	request := append([]byte(nil), w.buffer[:n]...)
	return w.answer(request, w.buffer[:])
}

// echo answers every op with OK and its number.
func echo(request, buffer []byte) (int, ipc.Handle, error) {
	n, _ := pagerwire.CheckRequest(request)
	pagerwire.PutAnswerHeader(buffer, n, OK)
	for i := range n {
		pagerwire.PutResult(buffer, i, &pagerwire.Outcome{Value: uint64(100 + i)})
	}
	return pagerwire.AnswerLength(n), 9, nil
}

func TestBatchCarriesOps(t *testing.T) {
	w := &wire{}
	var got []pagerwire.Command
	w.answer = func(request, buffer []byte) (int, ipc.Handle, error) {
		n, st := pagerwire.CheckRequest(request)
		if st != OK {
			t.Fatal(st)
		}
		got = make([]pagerwire.Command, n)
		for i := range got {
			pagerwire.GetOp(request, i, &got[i])
		}
		return echo(request, buffer)
	}
	c := NewAdministrator(w, 1)
	b := c.Batch()
	i := b.SpaceFork(77)
	b.Map(NewSpace, Region{Address: 0x1000, Pages: 2, Access: ipc.Read, Object: 5, Offset: 0x3000, Flags: Shared | Keep})
	j := b.Populate(NewSpace, 0x1000, 2, ipc.Read)
	if st := b.Run(); st != OK {
		t.Fatal(st)
	}
	if b.Value(i) != 100 || b.Value(j) != 102 || b.Handle() != 9 {
		t.Errorf("values %d, %d, handle %d", b.Value(i), b.Value(j), b.Handle())
	}
	want := pagerwire.Command{Code: pagerwire.CodeMap, Flags: pagerwire.FlagShared | pagerwire.FlagKeep, Space: pagerwire.ThisSpace,
		Object: 5, Address: 0x1000, Pages: 2, Offset: 0x3000, Access: ipc.Read}
	if len(got) != 3 || got[0].Space != 77 || got[1] != want {
		t.Errorf("ops %+v", got)
	}
	if _, st := c.SpaceAdopt(4, 0); st != OK || w.cap != 4 {
		t.Errorf("adopt: %v, capability %d", st, w.cap)
	}
	if b = c.Batch(); b.Run() != OK || w.calls != 2 {
		t.Error("an empty batch was sent")
	}
}

func TestBatchIsBounded(t *testing.T) {
	w := &wire{answer: echo}
	c := NewAdministrator(w, 1)
	b := c.Batch()
	for range MaxOps {
		b.Unmap(1, 0, 1)
	}
	if b.Room() != 0 || b.Run() != OK {
		t.Fatal("a full batch is refused")
	}
	b = c.Batch()
	for range MaxOps + 1 {
		b.Unmap(1, 0, 1)
	}
	if st := b.Run(); st != Invalid || w.calls != 1 {
		t.Errorf("one op too many: %v, %d calls", st, w.calls)
	}
}

// A wire that drops, cuts or corrupts gives a status, never a wrong success.
func TestBadAnswers(t *testing.T) {
	bad := map[string]func(request, buffer []byte) (int, ipc.Handle, error){
		"call fails": func(_, _ []byte) (int, ipc.Handle, error) { return 0, 0, ipc.ErrGone },
		"empty":      func(_, _ []byte) (int, ipc.Handle, error) { return 0, 0, nil },
		"negative":   func(_, _ []byte) (int, ipc.Handle, error) { return -1, 0, nil },
		"too long":   func(_, _ []byte) (int, ipc.Handle, error) { return 1 << 20, 0, nil },
		"the request itself": func(r, _ []byte) (int, ipc.Handle, error) {
			return len(r), 0, nil
		},
		"cut": func(r, b []byte) (int, ipc.Handle, error) {
			n, _, _ := echo(r, b)
			return n - 1, 0, nil
		},
		"one result less": func(r, b []byte) (int, ipc.Handle, error) {
			echo(r, b)
			pagerwire.PutAnswerHeader(b, 0, OK)
			return pagerwire.AnswerLength(0), 0, nil
		},
		"refused": func(r, b []byte) (int, ipc.Handle, error) {
			pagerwire.PutAnswerHeader(b, 0, pagerwire.StatusMalformed)
			return pagerwire.AnswerLength(0), 0, nil
		},
		"wrong magic": func(r, b []byte) (int, ipc.Handle, error) {
			n, h, _ := echo(r, b)
			b[0] ^= 1
			return n, h, nil
		},
	}
	for name, answer := range bad {
		c := NewAdministrator(&wire{answer: answer}, 1)
		if st := c.Unmap(1, 0x1000, 1); st == OK {
			t.Errorf("%s: OK", name)
		}
		if v, st := c.ObjectCreate(1); st == OK || v != 0 {
			t.Errorf("%s: object %d, %v", name, v, st)
		}
	}
}

func TestNewChecksTables(t *testing.T) {
	raw := make([]byte, 5*table.PageSize)
	raw = raw[-uintptr(unsafe.Pointer(&raw[0]))%table.PageSize:][:4*table.PageSize]
	w := table.NewWindow(unsafe.Pointer(&raw[0]), 0x10000, 4*table.PageSize)
	header := uint64(0x10000)
	info := func(r, b []byte) (int, ipc.Handle, error) {
		n, h, err := echo(r, b)
		pagerwire.PutResult(b, 0, &pagerwire.Outcome{Value: header})
		return n, h, err
	}
	h := (*table.Header)(w.At(header, table.PageSize))
	*h = table.Header{Magic: table.Magic, Version: table.Version, Spaces: 0x11000, SpacesCount: 64, Objects: 0x12000, ObjectsCount: 64, FramesTotal: 5}
	c, err := New(&wire{answer: info}, 1, w)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.FramesTotal != 5 {
		t.Errorf("stats %+v", s)
	}
	if p, e := c.SpacePage(1<<20, 0); p != nil || e != 0 {
		t.Error("a page of no space")
	}
	for _, header = range []uint64{0, 0x10008, 0x14000, 1 << 63} {
		if _, err := New(&wire{answer: info}, 1, w); err == nil {
			t.Errorf("header at %#x is accepted", header)
		}
	}
	// Without a window everything is unknown, and nothing breaks.
	a := NewAdministrator(&wire{answer: info}, 1)
	if a.SpaceRecord(1<<20) != nil || a.Stats().FramesTotal != 0 {
		t.Error("an administrator reads tables it does not have")
	}
	if p, _ := a.ObjectPage(1<<20, 0); p != nil {
		t.Error("an administrator reads objects")
	}
}
