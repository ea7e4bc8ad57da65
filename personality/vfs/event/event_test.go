package event_test

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/vfs/event"
	"starling/personality/vfs/vfstest"
	"starling/personality/wait"
)

func number(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

func TestEventFD(t *testing.T) {
	w := vfstest.New(t)
	f, _ := w.Events.EventFD(3, 0)
	if n, e := w.Write(f, number(1<<64-1)); e != unix.EINVAL {
		t.Errorf("the largest number: %d %v", n, e)
	}
	if _, e := w.Write(f, []byte("short")); e != unix.EINVAL {
		t.Errorf("a short write: %v", e)
	}
	if _, e := w.Write(f, number(1<<64-2)); e != unix.EAGAIN {
		t.Errorf("an overflow: %v", e)
	}
	w.Write(f, number(4))
	if b, _ := w.Read(f, 8); binary.LittleEndian.Uint64(b) != 7 {
		t.Errorf("read %v", b)
	}
	if _, e := w.Read(f, 8); e != unix.EAGAIN {
		t.Errorf("read of 0: %v", e)
	}
	if _, e := w.Read(f, 7); e != unix.EINVAL {
		t.Errorf("a short read: %v", e)
	}
	s, _ := w.Events.EventFD(2, unix.EFD_SEMAPHORE)
	for range 2 {
		if b, _ := w.Read(s, 8); binary.LittleEndian.Uint64(b) != 1 {
			t.Errorf("a semaphore read %v", b)
		}
	}
	if ev := s.Ready(wait.In | wait.Out); ev != wait.Out {
		t.Errorf("ready %#x", ev)
	}
}

// tick lets time pass and delivers what expires.
func tick(w *vfstest.World, ns int64) {
	w.Advance(ns)
	for x := w.Clock.Expired(w.Clock.Now()); x != nil; x = w.Clock.Expired(w.Clock.Now()) {
		w.Events.TimerExpired(x.ID)
	}
}

func TestTimerFD(t *testing.T) {
	const ms = 1_000_000
	w := vfstest.New(t)
	w.Advance(5 * ms)
	f, _ := w.Events.TimerFD(unix.CLOCK_MONOTONIC, 0)
	fd, _ := w.C.Alloc(f, 0, false)
	w.Events.Arm(event.TimerOf(f), 10*ms, 4*ms, 0)
	tick(w, 9*ms)
	if _, e := w.Read(f, 8); e != unix.EAGAIN {
		t.Errorf("early: %v", e)
	}
	if v, i := w.Events.Settings(event.TimerOf(f)); v != ms || i != 4*ms {
		t.Errorf("settings %d %d", v, i)
	}
	w = w.Swap()
	f = w.C.Files.Get(fd)
	tick(w, 10*ms) // at 10, 14 and 18 of its time
	if b, e := w.Read(f, 8); e != 0 || binary.LittleEndian.Uint64(b) != 3 {
		t.Errorf("expirations %v %v", b, e)
	}
	if v, _ := w.Events.Settings(event.TimerOf(f)); v != 3*ms {
		t.Errorf("next in %d", v)
	}
	w.Events.Arm(event.TimerOf(f), 0, 0, 0)
	tick(w, 100*ms)
	if _, e := w.Read(f, 8); e != unix.EAGAIN {
		t.Errorf("disarmed: %v", e)
	}
	// Absolute in the past expires at once.
	w.Events.Arm(event.TimerOf(f), ms, 0, unix.TFD_TIMER_ABSTIME)
	if ev := f.Ready(wait.In); ev != wait.In {
		t.Errorf("in the past: ready %#x", ev)
	}
}

// A timer that nobody reads sets nothing off: otherwise a short interval would keep the system busy for ever.
func TestTimerFDRestsUntilItIsRead(t *testing.T) {
	const us = 1000
	w := vfstest.New(t)
	w.Advance(us)
	f, _ := w.Events.TimerFD(unix.CLOCK_MONOTONIC, 0)
	fd, _ := w.C.Alloc(f, 0, false)
	w.Events.Arm(event.TimerOf(f), us, us, 0)
	tick(w, us)
	if e := w.Clock.Earliest(); e != clock.Never {
		t.Errorf("the next deadline is %d", e)
	}
	w.Advance(10*us + 300)
	if v, i := w.Events.Settings(event.TimerOf(f)); v != 700 || i != us {
		t.Errorf("settings %d %d", v, i)
	}
	w = w.Swap()
	f = w.C.Files.Get(fd)
	if b, e := w.Read(f, 8); e != 0 || binary.LittleEndian.Uint64(b) != 11 {
		t.Errorf("expirations %v %v", b, e)
	}
	if got, want := w.Clock.Earliest(), w.V.Now()+700; got != want {
		t.Errorf("read, and the next deadline is %d, want %d", got, want)
	}
}

func TestTimerFDOfTheWallClock(t *testing.T) {
	w := vfstest.New(t)
	f, _ := w.Events.TimerFD(unix.CLOCK_REALTIME, 0)
	x := event.TimerOf(f)
	w.Events.Arm(x, w.V.WallNow()+1000, 0, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET)
	w.Events.ClockWasSet()
	if _, e := w.Read(f, 8); e != unix.ECANCELED {
		t.Errorf("after the clock was set: %v", e)
	}
	tick(w, 1000)
	if b, e := w.Read(f, 8); e != 0 || b[0] != 1 {
		t.Errorf("the deadline: %v %v", b, e)
	}
}

// caller is a thread with signals.
type caller struct{ pending uint64 }

func (c *caller) PendingSignals() uint64 { return c.pending }
func (c *caller) SignalWaitID() wait.ID  { return 77 }
func (c *caller) TakeSignal(mask uint64, info *[128]byte) bool {
	for n := range 64 {
		if c.pending&mask&(1<<n) != 0 {
			c.pending &^= 1 << n
			binary.LittleEndian.PutUint32(info[:], uint32(n+1))
			return true
		}
	}
	return false
}

func TestSignalFD(t *testing.T) {
	w := vfstest.New(t)
	me := &caller{}
	w.V.Current = me
	f, _ := w.Events.SignalFD(1<<1|1<<9, 0)
	if _, e := w.Read(f, 1024); e != unix.EAGAIN {
		t.Errorf("nothing pending: %v", e)
	}
	me.pending = 1<<1 | 1<<4 | 1<<9
	if ev := f.Ready(wait.In); ev != wait.In {
		t.Errorf("ready %#x", ev)
	}
	b, e := w.Read(f, 1024)
	if e != 0 || len(b) != 256 || b[0] != 2 || b[128] != 10 {
		t.Errorf("%d bytes, signals %d and %d, %v", len(b), b[0], b[128], e)
	}
	if f.Ready(wait.In) != 0 {
		t.Error("a signal that is not in the mask counts")
	}
	if _, e := w.Read(f, 100); e != unix.EINVAL {
		t.Errorf("a buffer that is too small: %v", e)
	}
	if f.WaitID() != 77 {
		t.Errorf("waits for %d", f.WaitID())
	}
}
