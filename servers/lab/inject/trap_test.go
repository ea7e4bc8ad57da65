package inject

import (
	"fmt"
	"testing"

	"starling/ipc"
	"starling/ipc/fault"
	"starling/ipc/frame"
	"starling/ipc/lab"
	"starling/ipc/relay"
)

// fake is a kernel that knows the present event of one thread.
type fake struct {
	ipc.Transport
	present ipc.Token
	frame   *frame.Frame
	seen    frame.Registers // as the kernel saw them with the last reply
	taken   []ipc.Reply
	refused int
	bits    uint64
	notes   int
}

func (k *fake) Notify(_ ipc.Handle, bits uint64) error { k.bits |= bits; k.notes++; return nil }
func (k *fake) TimerSet(ipc.Handle, int64) error       { return nil }
func (k *fake) CallOnce(ipc.Handle, int, ipc.Handle) (int, ipc.Handle, error) {
	return 0, 0, ipc.ErrGone
}

func (k *fake) ReplyOnce(r ipc.Reply) error {
	if r.Token != k.present {
		k.refused++
		return ipc.ErrStale
	}
	if r.Action > ipc.ActionYield || r.Class > ipc.FaultOutOfMemory || r.Mask >= 1<<6 || r.Action == ipc.ActionForward && r.Class == 0 {
		k.refused++
		return ipc.ErrInvalid
	}
	k.taken, k.seen = append(k.taken, r), k.frame.Regs
	k.present.Sequence++
	return nil
}

// traps is a lab on the wire from programs to linux, with one thread behind it that is not spared.
type traps struct {
	*Lab
	k      *fake
	report lab.Report
	frames [4]frame.Frame
}

var token = ipc.Token{Thread: 9, Generation: 2, Sequence: 100}

func newTraps(t *testing.T, rules ...string) *traps {
	var all fault.Plan
	for _, r := range rules {
		all = append(all, plan(t, r)...)
	}
	x := &traps{}
	x.frames[3].Event.Thread, x.frames[3].Event.Generation = token.Thread, token.Generation
	x.frames[3].Regs = frame.Registers{AX: 1, IP: 0x1000, SP: 0x2000}
	x.k = &fake{present: token, frame: &x.frames[3]}
	x.report.Armed = 1
	x.Lab = New(x.k, Config{From: fault.Programs, To: "linux", Spare: 1, Plan: all, Report: &x.report, Area: new(relay.Area), Frames: x.frames[:]})
	x.Handle(&ipc.Event{Kind: ipc.EventSyscall, Token: ipc.Token{Thread: 8, Generation: 1, Sequence: 1}}) // the one that is spared
	var ev ipc.Event
	if !x.Area.Take(&ev) || x.report.Messages != 0 {
		t.Fatal("the spared thread's event did not pass")
	}
	return x
}

func (x *traps) syscall() { x.Handle(&ipc.Event{Kind: ipc.EventSyscall, Token: token, Time: 5}) }

// arrived takes the sequences of the events that came through.
func (x *traps) arrived() (list []uint64) {
	var ev ipc.Event
	for x.Area.Take(&ev) {
		list = append(list, ev.Token.Sequence+1000*uint64(ev.Token.Generation-token.Generation))
	}
	return list
}

func TestTraps(t *testing.T) {
	for _, c := range []struct{ rule, now, later string }{
		{"program>linux syscall drop 7", "[100]", "[]"}, // strikes another one
		{"program>linux syscall drop", "[]", "[]"},
		{"program>linux syscall delay", "[]", "[100]"},
		{"program>linux syscall reorder", "[]", "[100]"},
		{"program>linux syscall duplicate", "[100 100]", "[]"},
		{"program>linux syscall stale-sequence", "[99 100]", "[]"},
		{"program>linux syscall crash-before", "[]", "[]"},
		{"program>linux syscall swap", "[100]", "[]"},
	} {
		x := newTraps(t, c.rule)
		x.syscall()
		now := fmt.Sprint(x.arrived())
		x.Handle(&ipc.Event{Kind: ipc.EventTimer, Time: 1e9})
		if later := fmt.Sprint(x.arrived()); now != c.now || later != c.later || x.report.Said() != "" {
			t.Errorf("%s: at once %s, later %s, %q", c.rule, now, later, x.report.Said())
		}
	}
}

// The event behind one that is held back comes before it.
func TestTrapsOutOfOrder(t *testing.T) {
	x := newTraps(t, "program>linux syscall reorder")
	x.syscall()
	other := token
	other.Thread, other.Sequence = 10, 7
	x.Handle(&ipc.Event{Kind: ipc.EventSyscall, Token: other, Time: 6})
	if got := fmt.Sprint(x.arrived()); got != "[7 100]" {
		t.Error(got)
	}
}

func TestReplies(t *testing.T) {
	for _, c := range []struct {
		kind           string
		taken, refused int
	}{
		{"drop", 0, 0}, {"delay", 1, 0}, {"stale-generation", 1, 1}, {"stale-sequence", 1, 1}, {"double-reply", 1, 1},
		{"hostile-registers", 1, 0}, {"field", 1, 1}, {"flip", 1, 0},
	} {
		x := newTraps(t, "linux>program reply "+c.kind+" 0 5")
		before := x.frames[3]
		if err := x.reply(ipc.Reply{Token: token, Mask: ipc.MaskControl}); err != nil {
			t.Errorf("%s: %v", c.kind, err)
		}
		x.Handle(&ipc.Event{Kind: ipc.EventTimer, Time: 1e9})
		if len(x.k.taken) != c.taken || x.k.refused != c.refused || x.report.Struck != 1 || x.report.Said() != "" {
			t.Errorf("%s: %d taken, %d refused, %q", c.kind, len(x.k.taken), x.k.refused, x.report.Said())
		}
		if c.kind == "hostile-registers" && (x.k.seen.AX == before.Regs.AX || x.k.seen.IP != before.Regs.IP || x.frames[3] != before) {
			t.Errorf("hostile registers: the kernel saw %+v; then %+v", x.k.seen, x.frames[3].Regs)
		}
	}
}

// A kernel that takes what it must refuse is told on.
func TestAKernelThatTakesTwoReplies(t *testing.T) {
	x := newTraps(t, "linux>program reply double-reply")
	x.k.present.Sequence = token.Sequence
	kernel := &forgetful{fake: x.k}
	x.t = kernel
	_ = x.reply(ipc.Reply{Token: token})
	if x.report.Said() == "" {
		t.Error("nothing was said")
	}
}

// A meaningless reply that also comes too late, as the answer to a stale event does, is refused for that; one that is taken
// is told on.
func TestMeaninglessReplies(t *testing.T) {
	late := token
	late.Sequence--
	for _, c := range []struct {
		kernel func(*fake) Kernel
		token  ipc.Token
		said   bool
	}{
		{func(k *fake) Kernel { return k }, token, false},
		{func(k *fake) Kernel { return k }, late, false},
		{func(k *fake) Kernel { return &forgetful{k} }, token, true},
	} {
		x := newTraps(t, "linux>program reply field")
		x.t = c.kernel(x.k)
		_ = x.reply(ipc.Reply{Token: c.token})
		if said := x.report.Said(); (said != "") != c.said {
			t.Errorf("%v: %q", c.token, said)
		}
	}
}

type forgetful struct{ *fake }

func (*forgetful) ReplyOnce(ipc.Reply) error { return nil }

// A server that is struck when it has handled an event never answers it.
func TestACrashAfterATrap(t *testing.T) {
	x := newTraps(t, "program>linux syscall crash-after")
	x.syscall()
	if err := x.reply(ipc.Reply{Token: token}); err != nil || len(x.k.taken) != 0 || x.report.Order != lab.Crash || x.report.Number != 1 {
		t.Errorf("%v, taken %v, order %v", err, x.k.taken, x.report.Order)
	}
	x.Handle(&ipc.Event{Kind: ipc.EventTimer, Time: 1e9})
	if x.report.Number != 1 {
		t.Error("struck twice")
	}
}

// A server that stands still hears nothing and says nothing until root has ended it.
func TestAServerThatStandsStill(t *testing.T) {
	for _, kind := range []string{"hang-before", "hang-after"} {
		x := newTraps(t, "program>linux syscall "+kind)
		x.syscall()
		_ = x.reply(ipc.Reply{Token: token})
		if len(x.k.taken) != 0 || x.report.Order != lab.Hang || x.report.Number != 1 {
			t.Errorf("%s: %d replies, order %v, number %d", kind, len(x.k.taken), x.report.Order, x.report.Number)
		}
		x.arrived()
		other := ipc.Token{Thread: 10, Generation: token.Generation, Sequence: 7}
		x.Handle(&ipc.Event{Kind: ipc.EventSyscall, Token: other, Time: 6})
		if got := x.arrived(); len(got) != 0 {
			t.Errorf("%s: it heard %v", kind, got)
		}
		x.report.Done = x.report.Number
		x.Handle(&ipc.Event{Kind: ipc.EventNotify, Bits: lab.DoneBit, Time: 2e10})
		x.Handle(&ipc.Event{Kind: ipc.EventSyscall, Token: other, Time: 2e10})
		if got := fmt.Sprint(x.arrived()); got != "[7]" {
			t.Errorf("%s: then %s", kind, got)
		}
	}
}
