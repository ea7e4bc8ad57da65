package pager

import (
	"unsafe"

	"starling/ipc"
	"starling/ipc/sim"
	"starling/pager/client"
	"starling/pager/table"
)

// Badges of the two clients of the tests.
const (
	adminBadge  = 1
	clientBadge = 2
)

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// bed is a pager over the simulated kernel's memory and spaces. Page tables are
// mirrored, so that a test can touch memory as a program would: through what the
// kernel was told, faulting where it was told nothing.
type bed struct {
	t      tester
	k      *sim.Kernel
	p      *Pager
	c      *client.Client
	tables map[ipc.Handle]map[uint64]uint64     // page -> physical address | access
	shown  map[ipc.Handle]map[uint64]ipc.Access // of the window: physical page -> access
	reply  ipc.Reply
	calls  int // kernel calls that change mappings
}

// pagerEnd is the pager's transport: the simulated kernel, with messages and
// replies short-circuited.
type pagerEnd struct {
	*sim.Transport
	b      *bed
	buffer [ipc.MessageSize]byte
	answer int
	sent   ipc.Handle
}

// clientEnd calls the pager directly.
type clientEnd struct {
	ipc.Transport
	pager  *pagerEnd
	badge  uint64
	buffer [ipc.MessageSize]byte
}

func (e *clientEnd) Buffer() []byte { return e.buffer[:] }

func (e *clientEnd) Call(_ ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error) {
	copy(e.pager.buffer[:], e.buffer[:n])
	e.pager.answer = -1
	e.pager.b.p.Handle(&ipc.Event{Kind: ipc.EventMessage, Badge: e.badge, Length: uint32(n), Cap: cap, Token: ipc.Token{Sequence: 1}})
	if e.pager.answer < 0 {
		e.pager.b.t.Fatal("the pager did not answer")
	}
	copy(e.buffer[:], e.pager.buffer[:e.pager.answer])
	return e.pager.answer, e.pager.sent, nil
}

func (e *pagerEnd) Buffer() []byte { return e.buffer[:] }

func (e *pagerEnd) Answer(_ ipc.Token, n int, cap ipc.Handle) error {
	e.answer, e.sent = n, cap
	return nil
}

func (e *pagerEnd) Reply(r ipc.Reply) error {
	e.b.reply = r
	return nil
}

func (e *pagerEnd) Map(space ipc.Handle, va uint64, mem ipc.Handle, entries []uint64) error {
	e.b.calls++
	if err := e.Transport.Map(space, va, mem, entries); err != nil {
		return err
	}
	base, _, err := e.MemoryInfo(mem)
	if err != nil {
		e.b.t.Fatal(err)
	}
	for i, x := range entries {
		if x != 0 {
			e.b.table(space)[va>>12+uint64(i)] = base + x
		}
	}
	return nil
}

func (e *pagerEnd) MapRange(space ipc.Handle, va uint64, mem ipc.Handle, offset, pages uint64, access ipc.Access) error {
	if err := e.Transport.MapRange(space, va, mem, offset, pages, access); err != nil {
		return err
	}
	base, _, _ := e.MemoryInfo(mem)
	if offset != 0 || va != testWindow+base {
		e.b.t.Errorf("the window shows %#x at %#x", base+offset, va)
	}
	if e.b.shown[space] == nil {
		e.b.shown[space] = map[uint64]ipc.Access{}
	}
	for i := range pages {
		e.b.shown[space][base>>12+i] = access
	}
	return nil
}

func (e *pagerEnd) Unmap(space ipc.Handle, va uint64, pages uint64) error {
	e.b.calls++
	if err := e.Transport.Unmap(space, va, pages); err != nil {
		e.b.t.Errorf("unmap %#x+%d: %v", va, pages, err)
	}
	for page := range e.b.table(space) {
		if page-va>>12 < pages {
			delete(e.b.table(space), page)
		}
	}
	return nil
}

func (e *pagerEnd) Protect(space ipc.Handle, va uint64, pages uint64, drop ipc.Access) error {
	e.b.calls++
	if err := e.Transport.Protect(space, va, pages, drop); err != nil {
		e.b.t.Errorf("protect %#x+%d: %v", va, pages, err)
	}
	for page, x := range e.b.table(space) {
		if page-va>>12 < pages {
			e.b.table(space)[page] = x &^ uint64(drop)
		}
	}
	return nil
}

func (e *pagerEnd) SpaceDestroy(space ipc.Handle) error {
	delete(e.b.tables, space)
	return e.Transport.SpaceDestroy(space)
}

func (b *bed) table(space ipc.Handle) map[uint64]uint64 {
	if b.tables[space] == nil {
		b.tables[space] = map[uint64]uint64{}
	}
	return b.tables[space]
}

// drainPages is memory beside the pager's, for drain.
const drainPages = 512

// testWindow is where the window is in spaces that get it.
const testWindow = 0x1000_0000_0000

// newBed boots a pager with pages of memory and a boot image.
func newBed(t tester, pages uint64, image []byte) *bed {
	b := &bed{t: t, tables: map[ipc.Handle]map[uint64]uint64{}, shown: map[ipc.Handle]map[uint64]ipc.Access{}}
	b.k = sim.New(sim.Config{MemoryPages: pages + uint64(len(image))/ipc.PageSize + 1 + drainPages, KernelPages: 8})
	e := &pagerEnd{Transport: b.k.Server("pager"), b: b}
	cfg := Config{Window: b.window(), WindowAddress: testWindow, Admin: adminBadge}
	if len(image) > 0 {
		cfg.Image = e.Adopt(image)
	}
	cfg.Memory = []ipc.Handle{e.GiveMemory(pages / 4), e.GiveMemory(pages - pages/4)}
	var err error
	if b.p, err = New(cfg, e); err != nil {
		t.Fatal(err)
	}
	if b.c, err = client.New(&clientEnd{pager: e, badge: clientBadge}, 1, cfg.Window); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) window() table.Window {
	return table.NewWindow(b.k.Window(), 0, uint64(len(b.k.Physical())))
}

// client makes another client with a badge.
func (b *bed) client(badge uint64) *client.Client {
	c, err := client.New(&clientEnd{pager: b.p.t.(*pagerEnd), badge: badge}, 1, b.window())
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// touch is one access of a program: through the page tables, after as many
// faults as it takes. It returns the byte's place, or the verdict.
func (b *bed) touch(s client.Space, va uint64, access ipc.Access) (*byte, ipc.FaultClass) {
	b.t.Helper()
	i := table.Index(uint32(s))
	for range 3 {
		x, ok := b.table(b.p.spaces[i].handle)[va>>12]
		if ok && x&uint64(access) == uint64(access) {
			return &b.k.Physical()[x&^0xfff|va&0xfff], ipc.FaultNone
		}
		b.reply = ipc.Reply{Action: ipc.ActionKill}
		b.p.Handle(&ipc.Event{Kind: ipc.EventFault, Badge: uint64(s), Address: va, Access: access, Token: ipc.Token{Thread: 1, Sequence: 7}})
		switch {
		case b.reply.Token.Sequence != 7:
			b.t.Fatalf("fault at %#x: no reply", va)
		case b.reply.Action == ipc.ActionForward:
			if b.reply.Class == ipc.FaultNone {
				b.t.Fatalf("fault at %#x: forwarded without a class", va)
			}
			return nil, b.reply.Class
		case b.reply.Action != ipc.ActionResume:
			b.t.Fatalf("fault at %#x: action %d", va, b.reply.Action)
		}
	}
	b.t.Fatalf("fault at %#x for %d does not go away", va, access)
	return nil, 0
}

func (b *bed) load(s client.Space, va uint64) byte {
	b.t.Helper()
	p, class := b.touch(s, va, ipc.Read)
	if class != ipc.FaultNone {
		b.t.Fatalf("load at %#x: class %d", va, class)
	}
	return *p
}

func (b *bed) store(s client.Space, va uint64, v byte) {
	b.t.Helper()
	p, class := b.touch(s, va, ipc.Write)
	if class != ipc.FaultNone {
		b.t.Fatalf("store at %#x: class %d", va, class)
	}
	*p = v
}

// space makes an empty space.
func (b *bed) space() client.Space {
	b.t.Helper()
	s, h, st := b.c.SpaceCreate()
	b.ok(st)
	if h == 0 {
		b.t.Fatal("no capability came with the space")
	}
	return s
}

func (b *bed) ok(st client.Status) {
	b.t.Helper()
	if st != client.OK {
		b.t.Fatal(st)
	}
}

// counts is what has to be the same before and after.
type counts struct{ frames, nodes, regions uint64 }

// counts are what is in use.
func (b *bed) counts() counts {
	return counts{b.p.framesTotal - b.p.framesFree, b.p.nodesTotal - b.p.nodesFree, uint64(len(b.p.regions)) - 1 - b.p.regionsFree}
}

// sound checks everything that must hold between events.
func (b *bed) sound() {
	b.t.Helper()
	if err := b.p.audit(); err != nil {
		b.t.Fatal(err)
	}
	for i := range b.p.spaces {
		if b.p.spaceRecords[i].ID == 0 {
			continue
		}
		for page, x := range b.table(b.p.spaces[i].handle) {
			e := table.Lookup(&b.p.window, b.p.spaceRecords[i].Root, page)
			if x&7 == 0 {
				continue
			}
			if e&table.Mapped == 0 || e.Frame() != x&^0xfff || x&7&^uint64(e) != 0 {
				b.t.Fatalf("space %d page %#x: the kernel maps %#x, the table says %#x", i, page, x, e)
			}
		}
	}
}

// pageAround gives the page that starts at a byte.
func pageAround(first *byte) *table.Page { return (*table.Page)(unsafe.Pointer(first)) }
