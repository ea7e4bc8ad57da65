package sim

import (
	"testing"

	"starling/ipc"
)

// world is a machine with one server that is pager and personality at once: it
// maps whatever is touched in a few regions and hands system calls to the test.
type world struct {
	t       *testing.T
	k       *Kernel
	tr      *Transport
	self    ipc.Handle // endpoint
	memory  ipc.Handle // data
	base    uint64
	next    uint64 // next free page of data, in bytes
	frames  ipc.Handle
	slots   uint64
	events  []ipc.Event
	syscall func(w *world, ev *ipc.Event) ipc.Reply
	fault   func(w *world, ev *ipc.Event) ipc.Reply
	other   func(w *world, ev *ipc.Event) ipc.Reply
	space   ipc.Handle
	text    []byte
}

func newWorld(t *testing.T, cfg Config) *world {
	w := &world{t: t, k: New(cfg)}
	w.tr = w.k.Server("one")
	var err error
	if w.self, err = w.tr.EndpointCreate(); err != nil {
		t.Fatal(err)
	}
	w.frames = w.tr.GiveMemory(64)
	w.memory = w.tr.GiveMemory(1024)
	w.base, _, _ = w.tr.MemoryInfo(w.memory)
	w.tr.Serve(w.self, w)
	if w.space, err = w.tr.SpaceCreate(); err != nil {
		t.Fatal(err)
	}
	return w
}

const (
	stackTop  = 0x7fff_0000_0000
	stackLow  = stackTop - 16*ipc.PageSize
	arenaLow  = 0x1000_0000
	arenaHigh = 0x2000_0000
)

// page maps a fresh page with content at va.
func (w *world) page(va uint64, content []byte, access ipc.Access) {
	at := w.next
	w.next += ipc.PageSize
	copy(w.k.Physical()[w.base+at:w.base+at+ipc.PageSize], content)
	if err := w.tr.Map(w.space, va&^(ipc.PageSize-1), w.memory, []uint64{at | uint64(access)}); err != nil {
		w.t.Errorf("map %#x: %v", va, err)
	}
}

// spawn makes a thread that runs f in the space.
func (w *world) thread(ip, sp uint64, badge uint64) (ipc.Handle, *Thread) {
	spec := ipc.ThreadSpec{Space: w.space, Priority: 2, FrameMemory: w.frames, FrameOffset: w.slots * ipc.PageSize,
		FaultEndpoint: w.self, FaultBadge: badge | 1<<32, TrapEndpoint: w.self, TrapBadge: badge}
	w.slots++
	h, tok, err := w.tr.ThreadCreate(&spec)
	if err != nil {
		w.t.Fatal(err)
	}
	t := w.k.threads[tok.Thread]
	t.frame.Regs.IP, t.frame.Regs.SP = ip, sp
	return h, t
}

func (w *world) run(f Program) *Thread {
	im := w.k.Image("test", f)
	w.text = im.ELF()[textOffset : textOffset+slotCount*slotSize]
	h, t := w.thread(im.entry, stackTop-64, 1)
	if err := w.tr.ThreadStart(h, ipc.MaskControl, 0, 0); err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *world) steps(n int) {
	w.t.Helper()
	if !w.k.Run(n, nil) {
		w.t.Fatalf("still running after %d steps", n)
	}
}

func (w *world) regs(ev *ipc.Event) *Thread { return w.k.threads[ev.Token.Thread] }

func (w *world) Handle(ev *ipc.Event) {
	w.events = append(w.events, *ev)
	r := ipc.Reply{Token: ev.Token}
	switch ev.Kind {
	case ipc.EventFault:
		if ev.Class == ipc.FaultNone {
			r = w.resolve(ev)
		} else if w.fault != nil {
			r = w.fault(w, ev)
		} else {
			r.Action = ipc.ActionKill
		}
	case ipc.EventSyscall:
		if w.regs(ev).frame.Regs.OrigAX == 9 { // mmap: a fixed arena
			f := &w.regs(ev).frame.Regs
			f.AX = arenaLow + w.slots<<24
			r.Mask = ipc.MaskResult
			break
		}
		if w.syscall != nil {
			r = w.syscall(w, ev)
		} else {
			r.Action = ipc.ActionKill
		}
	case ipc.EventException, ipc.EventReport:
		if w.other != nil {
			r = w.other(w, ev)
		} else {
			r.Action = ipc.ActionKill
		}
	default:
		return
	}
	if err := w.tr.Reply(r); err != nil {
		w.t.Errorf("reply to %+v: %v", *ev, err)
	}
}

// resolve is the pager's part.
func (w *world) resolve(ev *ipc.Event) ipc.Reply {
	r := ipc.Reply{Token: ev.Token}
	va := ev.Address &^ (ipc.PageSize - 1)
	const text = textBase + textOffset
	switch {
	case va >= text && va < text+uint64(len(w.text)) && ev.Access != ipc.Write:
		w.page(va, w.text[va-text:], ipc.Read|ipc.Execute)
	case va >= stackLow && va < stackTop, va >= arenaLow && va < arenaHigh:
		if ev.Access == ipc.Execute {
			r.Action, r.Class = ipc.ActionForward, ipc.FaultNotAllowed
			return r
		}
		w.page(va, nil, ipc.Read|ipc.Write)
	default:
		r.Action, r.Class = ipc.ActionForward, ipc.FaultNotMapped
	}
	return r
}

// result answers a system call.
func (w *world) result(ev *ipc.Event, v int64) ipc.Reply {
	w.regs(ev).frame.Regs.AX = uint64(v)
	return ipc.Reply{Token: ev.Token, Mask: ipc.MaskResult}
}
