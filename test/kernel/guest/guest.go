//go:build starling_server

package main

import (
	"cmp"
	"fmt"
	"unsafe"

	"starling/ipc"
	"starling/ipc/frame"
	"starling/ipc/machine"
)

// Addresses in the spaces of test programs.
const (
	codeAt  = 0x400000
	dataAt  = 0x500000
	stackAt = dataAt + ipc.PageSize // top
	freeAt  = 0x600000              // nothing is mapped here
)

const (
	everything   = ipc.MaskGeneral | ipc.MaskControl | ipc.MaskSegments
	readWrite    = ipc.Read | ipc.Write
	readExecute  = ipc.Read | ipc.Execute
	milliseconds = 1_000_000 // ns
)

// guest is the test server's view of the kernel.
type guest struct {
	t     *machine.Transport
	info  *ipc.ServerInfo
	ram   ipc.Handle
	space ipc.Handle // its own
	trap  ipc.Handle // endpoint of the programs' traps
	fault ipc.Handle // endpoint of their faults

	pages    []*page // of programs that have ended
	spaces   []ipc.Handle
	threads  []ipc.Handle
	inUse    []*page
	sequence int
	faultTo  ipc.Handle // where the faults of new programs go; 0: to fault
}

// page is one page of RAM, mapped here.
type page struct {
	memory ipc.Handle
	base   uint64
	bytes  *[ipc.PageSize]byte
}

func newGuest(t *machine.Transport, info *ipc.ServerInfo) (*guest, error) {
	g := &guest{t: t, info: info}
	biggest := uint64(0)
	for _, grant := range info.All() {
		if grant.Kind == ipc.GrantMemory && grant.Text() != "bundle" && grant.Size > biggest {
			biggest, g.ram = grant.Size, grant.Handle
		}
	}
	g.space = g.must("space")
	var err error
	if g.trap, err = t.EndpointCreate(); err != nil {
		return nil, err
	}
	if g.fault, err = t.EndpointCreate(); err != nil {
		return nil, err
	}
	return g, t.MemoryGrant(g.ram, 512)
}

func (g *guest) must(name string) ipc.Handle {
	grant, ok := g.info.Grant(name)
	if !ok {
		panic("no grant " + name)
	}
	return grant.Handle
}

func at(a uint64) unsafe.Pointer { return unsafe.Add(nil, uintptr(a)) }

// newPage is a page of zeros.
func (g *guest) newPage() (*page, error) {
	if n := len(g.pages); n > 0 {
		p := g.pages[n-1]
		g.pages = g.pages[:n-1]
		*p.bytes = [ipc.PageSize]byte{}
		g.inUse = append(g.inUse, p)
		return p, nil
	}
	h, err := g.t.MemorySplit(g.ram, 1)
	if err != nil {
		return nil, err
	}
	base, _, err := g.t.MemoryInfo(h)
	if err != nil {
		return nil, err
	}
	if err := g.t.MapRange(g.space, ipc.WindowAddress+base, h, 0, 1, readWrite); err != nil {
		return nil, err
	}
	p := &page{h, base, (*[ipc.PageSize]byte)(at(ipc.WindowAddress + base))}
	*p.bytes = [ipc.PageSize]byte{}
	g.inUse = append(g.inUse, p)
	return p, nil
}

// clean ends everything that a case has made.
func (g *guest) clean() {
	for _, h := range g.threads {
		_ = g.t.ThreadDestroy(h) // the case may have killed it
		_ = g.t.CapDelete(h)
	}
	for _, h := range g.spaces {
		_ = g.t.SpaceDestroy(h) // the same
		_ = g.t.CapDelete(h)
	}
	g.pages = append(g.pages, g.inUse...)
	g.faultTo = 0
	g.threads, g.spaces, g.inUse = g.threads[:0], g.spaces[:0], g.inUse[:0]
	_ = g.t.TimerSet(g.trap, 0)
	g.drain()
}

// drain receives what is left at the trap endpoint. A notification of ours is the
// last: so nothing waits.
func (g *guest) drain() {
	const last = 1 << 63
	_ = g.t.Notify(g.trap, last)
	var ev ipc.Event
	for range 100 {
		if g.t.Wait(g.trap, &ev) != nil || ev.Kind == ipc.EventNotify && ev.Bits&last != 0 {
			return
		}
	}
}

// program is a test program.
type program struct {
	g      *guest
	thread ipc.Handle
	token  ipc.Token
	space  ipc.Handle
	frame  *frame.Frame
	code   *page
	data   *page
	badge  uint64

	priority uint8 // of its threads, if not the usual one
}

// newSpace is a space with a code page that begins with code, and a data page.
func (g *guest) newSpace(code []byte) (space ipc.Handle, c, d *page, err error) {
	if space, err = g.t.SpaceCreate(); err != nil {
		return
	}
	g.spaces = append(g.spaces, space)
	if c, err = g.newPage(); err != nil {
		return
	}
	if d, err = g.newPage(); err != nil {
		return
	}
	copy(c.bytes[:], code)
	if err = g.t.Map(space, codeAt, c.memory, []uint64{uint64(readExecute)}); err != nil {
		return
	}
	err = g.t.Map(space, dataAt, d.memory, []uint64{uint64(readWrite)})
	return
}

// newProgram makes a program that has not started, with ip and sp set in its frame.
func (g *guest) newProgram(code []byte) (*program, error) {
	g.sequence++
	p := &program{g: g, badge: uint64(g.sequence)}
	var err error
	if p.space, p.code, p.data, err = g.newSpace(code); err != nil {
		return nil, err
	}
	return p, p.makeThread()
}

func (p *program) makeThread() error {
	g := p.g
	f, err := g.newPage()
	if err != nil {
		return err
	}
	p.frame = (*frame.Frame)(unsafe.Pointer(f.bytes))
	faultTo := g.fault
	if g.faultTo != 0 {
		faultTo = g.faultTo
	}
	p.thread, p.token, err = g.t.ThreadCreate(&ipc.ThreadSpec{
		Space: p.space, Kind: ipc.Program, Priority: cmp.Or(p.priority, 2), FrameMemory: f.memory,
		FaultEndpoint: faultTo, FaultBadge: p.badge, TrapEndpoint: g.trap, TrapBadge: p.badge,
	})
	if err != nil {
		return err
	}
	g.threads = append(g.threads, p.thread)
	p.frame.Regs.IP, p.frame.Regs.SP, p.frame.Regs.Flags = codeAt, stackAt, 0x202
	return nil
}

func (p *program) start() error { return p.g.t.ThreadStart(p.thread, everything, 0, 0) }

// run makes and starts a program.
func (g *guest) run(code []byte) (*program, error) {
	p, err := g.newProgram(code)
	if err != nil {
		return nil, err
	}
	return p, p.start()
}

// expect waits for an event of a kind from the program.
func (p *program) expect(kind ipc.EventKind) (ipc.Event, error) {
	return p.expectAt(p.g.trap, kind)
}

func (p *program) expectAt(endpoint ipc.Handle, kind ipc.EventKind) (ipc.Event, error) {
	var ev ipc.Event
	if err := p.g.t.Wait(endpoint, &ev); err != nil {
		return ev, err
	}
	if ev.Kind != kind {
		return ev, errorf("got %s, want kind %d", show(&ev), kind)
	}
	if kind <= ipc.EventReport && ev.Badge != p.badge {
		return ev, errorf("badge %d, want %d", ev.Badge, p.badge)
	}
	p.token = ev.Token
	return ev, nil
}

// exception expects an exception vector.
func (p *program) exception(vector uint16) (ipc.Event, error) {
	ev, err := p.expect(ipc.EventException)
	if err == nil && ev.Vector != vector {
		err = errorf("exception %d at %#x, want %d", ev.Vector, p.frame.Regs.IP, vector)
	}
	return ev, err
}

func (p *program) reply(a ipc.Action, mask ipc.Mask) error {
	return p.g.t.Reply(ipc.Reply{Token: p.token, Action: a, Mask: mask})
}

// at8 is a word of the program's data page.
func (p *program) word(i int) uint64 { return *(*uint64)(unsafe.Pointer(&p.data.bytes[8*i])) }

func show(ev *ipc.Event) string {
	return fmt.Sprintf("kind %d vector %d badge %d address %#x access %d class %d error %#x bits %#x",
		ev.Kind, ev.Vector, ev.Badge, ev.Address, ev.Access, ev.Class, ev.Error, ev.Bits)
}
