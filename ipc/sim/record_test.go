package sim

import (
	"strings"
	"testing"
	"unsafe"

	"starling/ipc"
)

// counter is a server whose state is a sum: of what programs and a lower server
// tell it, some of it through memory.
type counter struct {
	t       ipc.Transport
	memory  unsafe.Pointer
	frames  uint64 // physical
	lower   ipc.Handle
	sum     byte
	planted byte // added to the sum: a difference that a replay must find
}

func (c *counter) Handle(ev *ipc.Event) {
	if ev.Kind != ipc.EventSyscall {
		return
	}
	frame := (*[512]byte)(unsafe.Add(c.memory, c.frames))
	const ax, di = 128 + 8*10, 128 + 8*14
	c.t.Buffer()[0] = frame[di]
	n, _, err := c.t.Call(c.lower, 1, 0)
	if err != nil || n != 1 {
		return
	}
	c.sum += c.t.Buffer()[0] + c.planted
	frame[ax] = c.sum
	c.t.Reply(ipc.Reply{Token: ev.Token, Mask: ipc.MaskResult})
}

func (c *counter) state() []byte { return []byte{c.sum} }

func TestALogReplaysAndADifferenceIsFound(t *testing.T) {
	w := newWorld(t, Config{MemoryPages: 1200})
	lower := w.k.Server("lower")
	self, _ := lower.EndpointCreate()
	lower.Serve(self, HandlerFunc(func(ev *ipc.Event) {
		lower.Buffer()[0] *= 2
		lower.Answer(ev.Token, 1, 0)
	}))
	upper := w.k.Server("upper")
	trap, _ := upper.EndpointCreate()
	wire := upper.Give(lower, self)
	framesBase, _, _ := w.tr.MemoryInfo(w.frames)

	rec := Record(upper)
	c := &counter{t: rec, memory: w.k.Window(), frames: framesBase, lower: wire}
	rec.State(c.state)
	upper.Serve(trap, rec.Handler(c))

	var got []int64
	im := w.k.Image("test", func(p *Prog) {
		for i := range uint64(5) {
			got = append(got, p.Syscall(1, i)&0xff)
		}
		p.Compute(1 << 40)
	})
	w.text = im.ELF()[textOffset : textOffset+slotCount*slotSize]
	faults, _ := w.tr.EndpointMint(w.self, 0)
	spec := ipc.ThreadSpec{Space: w.space, Priority: 2, FrameMemory: w.frames,
		FaultEndpoint: faults, TrapEndpoint: w.tr.Give(upper, trap)}
	h, tok, err := w.tr.ThreadCreate(&spec)
	if err != nil {
		t.Fatal(err)
	}
	w.k.threads[tok.Thread].frame.Regs.IP = im.entry
	w.tr.ThreadStart(h, ipc.MaskControl, 0, 0)
	for len(got) < 5 && w.k.Step() {
	}
	if got[4] != 20 {
		t.Fatalf("results %v", got)
	}

	again := func(planted byte) error {
		r := NewReplay(rec.Recording())
		c := &counter{t: r, memory: r.Kernel().Window(), frames: framesBase, lower: wire, planted: planted}
		return r.Run(func() (Handler, func() []byte) { return c, c.state })
	}
	if rec.Recording().Events() != 5 {
		t.Errorf("%d events in the log", rec.Recording().Events())
	}
	if err := again(0); err != nil {
		t.Error(err)
	}
	if err := again(1); err == nil || !strings.Contains(err.Error(), "page") {
		t.Errorf("a server that computes another sum: %v", err)
	}
}
