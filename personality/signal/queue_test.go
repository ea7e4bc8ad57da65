package signal

import (
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// Standard signals coalesce, real-time signals queue; synchronous ones come first, then the lowest
// number, instances of one number in order.
func TestOrder(t *testing.T) {
	var q Queue
	for i, n := range []int32{40, 10, 34, 10, 34, 11, 64, 2} {
		fresh := q.Add(&Info{Signo: n, Errno: int32(i)})
		if want := i != 3; fresh != want {
			t.Errorf("adding signal %d: %v", n, fresh)
		}
	}
	want := [][2]int32{{11, 5}, {2, 7}, {10, 1}, {34, 2}, {34, 4}, {40, 0}, {64, 6}, {0, 0}}
	for _, w := range want {
		var i Info
		q.Take(0, &i)
		if i.Signo != w[0] || i.Errno != w[1] {
			t.Errorf("took %d (%d), want %v", i.Signo, i.Errno, w)
		}
	}
}

func TestMaskAndDrop(t *testing.T) {
	var q Queue
	for _, n := range []int32{1, 35, 35, 9} {
		q.Add(&Info{Signo: n})
	}
	var i Info
	if q.Take(^Bit(35), &i); i.Signo != 35 || !q.Pending.Has(35) {
		t.Errorf("took %d, pending %#x", i.Signo, q.Pending)
	}
	gone := 0
	q.Drop(Of(unix.SIGHUP)|Bit(35), func(*Info) { gone++ })
	if gone != 2 || q.Pending != Of(unix.SIGKILL) || q.Len() != 1 {
		t.Errorf("%d dropped, pending %#x, %d left", gone, q.Pending, q.Len())
	}
	q.AddBare(20)
	if q.Take(Of(unix.SIGKILL), &i); i.Signo != 20 || i.Code != 0 {
		t.Errorf("a signal without a place in the queue: %+v", i)
	}
}

// What is exported comes back the same.
func TestExport(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			n := int32(rapid.IntRange(1, Max).Draw(t, "signal"))
			if rapid.Bool().Draw(t, "bare") {
				q.AddBare(n)
			} else {
				q.Add(&Info{Signo: n, Code: int32(rapid.IntRange(-6, 6).Draw(t, "code")), Payload: [4]uint64{rapid.Uint64().Draw(t, "p")}})
			}
		}
		var r Queue
		r.Import(q.Export())
		if r.Pending != q.Pending || r.Len() != q.Len() {
			t.Fatalf("%#x %d, want %#x %d", r.Pending, r.Len(), q.Pending, q.Len())
		}
		for q.Pending != 0 {
			var a, b Info
			q.Take(0, &a)
			r.Take(0, &b)
			if a != b {
				t.Fatalf("%+v, want %+v", b, a)
			}
		}
	})
}

func TestInfoBytes(t *testing.T) {
	i := User(10, SIQueue, 1234, 1000)
	i.SetValue(0x1122334455667788)
	var b [InfoSize]byte
	i.Put(&b)
	// si_signo, si_code, si_pid, si_uid and si_value as sigaction(2) has them on 64-bit machines.
	for at, want := range map[int]byte{0: 10, 8: 0xff, 16: 0xd2, 17: 0x04, 20: 0xe8, 21: 0x03, 24: 0x88, 31: 0x11} {
		if b[at] != want {
			t.Errorf("byte %d is %#x, want %#x", at, b[at], want)
		}
	}
	got, ok := Get(&b)
	if !ok || got.Signo != i.Signo || got.Payload != i.Payload || got.Code != i.Code {
		t.Errorf("%+v, want %+v", got, i)
	}
	b[100] = 1
	if _, ok := Get(&b); ok {
		t.Error("bytes that no siginfo has are taken")
	}
}

func TestDefaults(t *testing.T) {
	for n, want := range map[unix.Signal]Default{
		unix.SIGTERM: Terminate, unix.SIGSEGV: Dump, unix.SIGCHLD: Ignore, unix.SIGTSTP: Stop,
		unix.SIGCONT: Continue, unix.SIGKILL: Terminate, unix.Signal(40): Terminate, unix.SIGWINCH: Ignore,
	} {
		if got := DefaultOf(int32(n)); got != want {
			t.Errorf("%v: %d, want %d", n, got, want)
		}
	}
}
