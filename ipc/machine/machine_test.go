package machine

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"unsafe"

	"starling/ipc"
	"starling/ipc/callnum"
)

// The Go runtime of a server makes one kernel call by itself.
func TestRuntimeLogCall(t *testing.T) {
	src, err := os.ReadFile("../../arch/overlay/_runtime/server/bare_server_amd64.go")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"bareCallLog": callnum.Log, "bareLogBytes": callnum.LogBytes} {
		m := regexp.MustCompile(name + `\s+= (\d+)`).FindSubmatch(src)
		if m == nil {
			t.Errorf("%s not found", name)
			continue
		}
		if got, err := strconv.Atoi(string(m[1])); err != nil || got != want {
			t.Errorf("%s is %s in the runtime port, want %d", name, m[1], want)
		}
	}
}

func TestHeldBack(t *testing.T) {
	tr := &Transport{buffer: make([]byte, ipc.MessageSize)}
	tr.next.number = callnum.Wait
	if err := tr.Reply(ipc.Reply{Token: ipc.Token{Thread: 7, Generation: 9, Sequence: 11}, Action: ipc.ActionForward, Mask: ipc.MaskResult | ipc.MaskFP, Class: ipc.FaultPastEnd}); err != nil {
		t.Fatal(err)
	}
	want := registers{number: callnum.ReplyWait, a1: 7 | 9<<32, a2: 11, a3: 4 | 0x11<<8 | 3<<24}
	if tr.next != want {
		t.Errorf("held back %+v, want %+v", tr.next, want)
	}
	// A second one joins it.
	if err := tr.Reply(ipc.Reply{Token: ipc.Token{Thread: 1, Generation: 2, Sequence: 3}, Mask: ipc.MaskResult}); err != nil {
		t.Fatal(err)
	}
	want = registers{number: callnum.RepliesWait, a1: 1 | 2<<32, a2: 3, a3: want.a3<<32 | 1<<8, a4: want.a1, a5: want.a2}
	if tr.next != want {
		t.Errorf("held back %+v, want %+v", tr.next, want)
	}
	tr.next = registers{number: callnum.Wait}
	if err := tr.Answer(ipc.Token{Thread: 1, Generation: 2, Sequence: 3}, 4, 5); err != nil {
		t.Fatal(err)
	}
	if want = (registers{number: callnum.AnswerWait, a1: 1 | 2<<32, a2: 3, a3: 4, a4: 5}); tr.next != want {
		t.Errorf("held back %+v, want %+v", tr.next, want)
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	tr := &Transport{buffer: make([]byte, ipc.MessageSize)}
	if n := testing.AllocsPerRun(100, func() {
		tr.next.number = callnum.Wait
		if err := tr.Reply(ipc.Reply{Mask: ipc.MaskResult}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Reply allocates %v times", n)
	}
}

func TestErrorsAreNotMade(t *testing.T) {
	for e := ipc.ErrTruncated; e <= ipc.ErrInvalid; e++ {
		if got := kernelError(int64(e)); got != e {
			t.Errorf("status %d is %v, want %v", e, got, e)
		}
	}
	if got := kernelError(-99); got != ipc.Error(-99) {
		t.Errorf("unknown status: %v", got)
	}
	if n := testing.AllocsPerRun(100, func() { _ = status(^uint64(2)) }); n != 0 {
		t.Errorf("an error allocates %v times", n)
	}
}

// The specification crosses the message buffer as it lies in memory: no padding
// that could differ, nothing beyond the buffer.
func TestThreadSpecSize(t *testing.T) {
	var s ipc.ThreadSpec
	if unsafe.Sizeof(s) > ipc.MessageSize || unsafe.Offsetof(s.FrameOffset)%8 != 0 {
		t.Errorf("ThreadSpec of %d bytes", unsafe.Sizeof(s))
	}
}
