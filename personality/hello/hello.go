package hello

import (
	"bytes"
	"fmt"
	"unsafe"

	"starling/arch/isa"
	"starling/ipc"
	"starling/ipc/console"
	"starling/ipc/rootfs"
	"starling/ipc/supervise"
	"starling/pager/client"
)

// Config is what the personality is given: capabilities, memory, and what to run.
type Config struct {
	Endpoint, PagerWire, ConsoleWire, RootWire ipc.Handle
	// Frames is the memory of the frames area, mapped at FrameBase. Program i has page i.
	Frames     ipc.Handle
	FrameBase  unsafe.Pointer
	FrameSlots int
	// RootFS has the programs; it lies at RootOffset of the boot image.
	RootFS     *rootfs.Image
	RootOffset uint64
	Programs   []string // paths
}

// System call numbers and their errors.
const (
	callExit = iota
	callPrint
	callRead
	callCount

	badCall    = -1
	badAddress = -2
)

// codeFault is the exit code of a program that did what it may not.
const codeFault = 255

// retryAfter in ns: a console that was full is asked again, because only one of its
// clients is told when there is room.
const retryAfter = 10e6

// longestPrint bounds the bytes of one print or read; a program calls again for more.
const longestPrint = ipc.PageSize

// Personality is the whole state, and the way to the rest of the system.
type Personality struct {
	StateT
	cfg     Config
	t       ipc.Transport
	pager   *client.Client
	console console.Client
}

// New makes a personality in which nothing runs: Start or Import is next.
func New(cfg Config, t ipc.Transport, pager *client.Client) *Personality {
	return &Personality{cfg: cfg, t: t, pager: pager, console: console.Client{Transport: t, Endpoint: cfg.ConsoleWire}}
}

// Start starts all programs. One that cannot be started has ended with codeFault.
func (p *Personality) Start() error {
	if len(p.cfg.Programs) > p.cfg.FrameSlots {
		return fmt.Errorf("%d programs, there are frames for %d", len(p.cfg.Programs), p.cfg.FrameSlots)
	}
	for i, path := range p.cfg.Programs {
		g := &ProgramT{Path: path}
		p.Programs = append(p.Programs, g)
		if err := p.load(i, g); err != nil {
			p.end(g, codeFault, err.Error())
		}
	}
	return nil
}

// Handle is one event, to its end.
func (p *Personality) Handle(ev *ipc.Event) {
	switch ev.Kind {
	case ipc.EventMessage:
		p.answer(ev)
		return
	case ipc.EventNotify, ipc.EventTimer: // whatever it was: look whether a call can be finished now
		for i, g := range p.Programs {
			if g.Blocked {
				p.call(i, g, ev.Time)
			}
		}
		return
	}
	i := int(ev.Badge)
	if i >= len(p.Programs) || p.Programs[i].Ended {
		return
	}
	g := p.Programs[i]
	g.TokenThread, g.TokenGeneration, g.TokenSequence = ev.Token.Thread, ev.Token.Generation, ev.Token.Sequence
	switch ev.Kind {
	case ipc.EventSyscall:
		p.call(i, g, ev.Time)
	case ipc.EventFault:
		p.end(g, codeFault, fmt.Sprintf("bad address %#x", ev.Address))
	default:
		p.end(g, codeFault, fmt.Sprintf("exception %d", ev.Vector))
	}
}

// call does the system call of program i, which is in its frame. One that cannot be
// finished leaves the trap unanswered, and is done again from the start later.
func (p *Personality) call(i int, g *ProgramT, now int64) {
	f := p.frame(i)
	var a [6]uint64
	isa.Arguments(f, &a)
	result, done := int64(badCall), true
	switch isa.Number(f) {
	case callExit:
		p.end(g, uint32(a[0])&0xff, "")
		return
	case callPrint:
		result, done = p.print(g, a[0], a[1], now)
	case callRead:
		result, done = p.read(g, a[0], a[1])
	case callCount:
		p.Counter++
		result = int64(p.Counter)
	}
	if g.Blocked = !done; g.Blocked {
		return
	}
	isa.SetResult(f, result)
	p.t.Reply(ipc.Reply{Token: g.token(), Action: ipc.ActionResume, Mask: ipc.MaskResult})
}

func (g *ProgramT) token() ipc.Token {
	return ipc.Token{Thread: g.TokenThread, Generation: g.TokenGeneration, Sequence: g.TokenSequence}
}

func (p *Personality) frame(i int) *isa.Frame {
	return (*isa.Frame)(unsafe.Add(p.cfg.FrameBase, i*ipc.PageSize))
}

func (p *Personality) print(g *ProgramT, at, n uint64, now int64) (int64, bool) {
	text := p.span(g, at, n, ipc.Read)
	if text == nil {
		return badAddress, true
	}
	// Asking the console ends what the pager's answer shows.
	written, _, err := p.console.Write(console.Terminal, bytes.Clone(text))
	if written == 0 && err == nil && n > 0 {
		_ = p.t.TimerSet(p.cfg.Endpoint, now+retryAfter)
		return 0, false
	}
	return int64(written), true
}

// read gives a program what has come of a line: all of it, once it has ended.
func (p *Personality) read(g *ProgramT, at, n uint64) (int64, bool) {
	p.takeInput()
	line := bytes.IndexByte(p.Input, '\n') + 1
	if line == 0 && !p.InputEnded && uint64(len(p.Input)) < n {
		return 0, false
	}
	if line == 0 {
		line = len(p.Input)
	}
	to := p.span(g, at, n, ipc.Write)
	if to == nil {
		return badAddress, true
	}
	got := copy(to, p.Input[:line])
	p.Input = append([]byte(nil), p.Input[got:]...) // nil when empty, as after an import
	return int64(got), true
}

func (p *Personality) takeInput() {
	var buf [512]byte
	for {
		n, s, err := p.console.Read(console.Terminal, buf[:])
		p.Input = append(p.Input, buf[:n]...)
		if n == 0 || err != nil {
			p.InputEnded = p.InputEnded || err != nil || s.Flags&console.End != 0
			return
		}
	}
}

// span is memory of a program as the window shows it, up to the end of its page, or nil.
func (p *Personality) span(g *ProgramT, at, n uint64, access ipc.Access) []byte {
	e, _, st := p.pager.Resolve(client.Space(g.Space), at, access, false)
	if st != client.OK {
		return nil
	}
	page := p.pager.PageAt(e)
	if page == nil {
		return nil
	}
	from := at % ipc.PageSize
	return page[from:][:min(n, ipc.PageSize-from, longestPrint)]
}

// end ends a program; root is told when it was the last one.
func (p *Personality) end(g *ProgramT, code uint32, why string) {
	if why != "" {
		_, _, _ = p.console.Write(console.Terminal, fmt.Appendf(nil, "hello: %s: %s\n", g.Path, why))
	}
	if g.Space != 0 {
		p.pager.SpaceDestroy(client.Space(g.Space)) // the thread is in it
		_ = p.t.CapDelete(ipc.Handle(g.ThreadHandle))
		_ = p.t.CapDelete(ipc.Handle(g.SpaceHandle))
	}
	*g = ProgramT{Path: g.Path, Ended: true, Code: code}
	if p.running() == 0 && p.cfg.RootWire != 0 {
		_ = p.t.Notify(p.cfg.RootWire, supervise.Changed)
	}
}

func (p *Personality) running() (n int) {
	for _, g := range p.Programs {
		if !g.Ended {
			n++
		}
	}
	return n
}

// answer is a call of root, who asks what became of the programs. The exit code is that
// of the first one.
func (p *Personality) answer(ev *ipc.Event) {
	buf := p.t.Buffer()
	r := supervise.Report{Status: ipc.ErrInvalid}
	if op, ok := supervise.Parse(buf, int(ev.Length)); ok && ev.Badge == supervise.Badge {
		n := p.running()
		switch {
		case op == supervise.OpStats:
			r = supervise.Report{Text: fmt.Sprintf("{\"processes\":%d,\"threads\":%d,\"running\":%d}\n", len(p.Programs), n, n)}
		case n == 0 && len(p.Programs) > 0:
			r = supervise.Report{State: supervise.Exited, Code: p.Programs[0].Code}
		default:
			r = supervise.Report{State: supervise.Running}
		}
	}
	p.t.Answer(ev.Token, supervise.Put(buf, r), 0)
}
