package driver

import (
	"bytes"
	"testing"

	"starling/ipc"
	"starling/ipc/console"
)

// line is a 16550 with whoever is at its other end.
type line struct {
	ier, scratch, lcr uint32
	fifo              []byte // received, not read yet: at most 16
	waiting           []byte // sent to us, held by flow control
	sent              []byte // what we transmitted
	blocked           bool   // the other end takes nothing
	overrun           bool
	held              []byte // in the transmit FIFO while blocked
	shifting          bool   // the last byte does not leave
}

func (l *line) refill() {
	n := min(fifoSize-len(l.fifo), len(l.waiting))
	l.fifo = append(l.fifo, l.waiting[:n]...)
	l.waiting = l.waiting[n:]
}

// machine is a transport with three lines at com1 to com3.
type machine struct {
	ipc.Transport
	t        *testing.T
	buffer   [ipc.MessageSize]byte
	lines    [console.Channels]*line // nil: no device
	notified map[ipc.Handle]uint64
	bound    map[ipc.Handle]uint64
	timer    int64
}

const (
	selfHandle = 1
	portHandle = 10 // and the next two
	irqHandle  = 20
	wireHandle = 30
)

var bases = [console.Channels]uint16{0x3f8, 0x2f8, 0x3e8}

func (m *machine) line(h ipc.Handle, port uint16) (*line, uint16) {
	i := int(h - portHandle)
	if i < 0 || i >= len(m.lines) || port < bases[i] || port >= bases[i]+8 {
		m.t.Fatalf("port %#x of handle %d", port, h)
	}
	return m.lines[i], port - bases[i]
}

func (m *machine) Buffer() []byte { return m.buffer[:] }

func (m *machine) PortIn(h ipc.Handle, port uint16, size int) (uint32, error) {
	l, register := m.line(h, port)
	if l == nil {
		return 0xff, nil
	}
	l.refill()
	switch register {
	case regData:
		b := l.fifo[0]
		l.fifo = l.fifo[1:]
		return uint32(b), nil
	case regFIFO:
		if l.ier&interruptInput != 0 && len(l.fifo) >= fifoTrigger {
			return reasonInput, nil
		}
		return 1, nil
	case regStatus:
		var s uint32
		if len(l.fifo) > 0 {
			s |= statusInput
		}
		if len(l.held) == 0 {
			s |= statusSpace
			if !l.shifting {
				s |= statusIdle
			}
		}
		return s, nil
	case regScratch:
		return l.scratch, nil
	}
	return 0, nil
}

func (m *machine) PortOut(h ipc.Handle, port uint16, size int, v uint32) error {
	l, register := m.line(h, port)
	if l == nil {
		return nil
	}
	switch register {
	case regInterrupts:
		if l.lcr&lineDivisor == 0 {
			l.ier = v
		}
	case regLine:
		l.lcr = v
	case regScratch:
		l.scratch = v
	}
	return nil
}

func (m *machine) PortOutString(h ipc.Handle, port uint16, n int) error {
	l, _ := m.line(h, port)
	if n > fifoSize || len(l.held) > 0 {
		l.overrun = true
	}
	if l.blocked {
		l.held = append(l.held, m.buffer[:n]...)
	} else {
		l.sent = append(l.sent, m.buffer[:n]...)
	}
	return nil
}

func (m *machine) TimerSet(_ ipc.Handle, at int64) error {
	m.timer = at
	return nil
}

func (m *machine) Notify(h ipc.Handle, bits uint64) error {
	m.notified[h] |= bits
	return nil
}

func (m *machine) InterruptBind(h, endpoint ipc.Handle, bits uint64) error {
	m.bound[h] = bits
	return nil
}
func (m *machine) InterruptAck(ipc.Handle) error                 { return nil }
func (m *machine) Answer(_ ipc.Token, n int, _ ipc.Handle) error { return nil }

// unblock lets the other end take what it was sent.
func (l *line) unblock() {
	l.blocked = false
	l.sent = append(l.sent, l.held...)
	l.held = nil
}

func start(t *testing.T, present ...console.Channel) (*machine, *Server) {
	t.Helper()
	m := &machine{t: t, notified: map[ipc.Handle]uint64{}, bound: map[ipc.Handle]uint64{}}
	for _, c := range present {
		m.lines[c] = &line{}
	}
	var info ipc.ServerInfo
	grant := func(name string, g ipc.Grant) {
		if err := info.AddGrant(name, g); err != nil {
			t.Fatal(err)
		}
	}
	grant("self", ipc.Grant{Handle: selfHandle, Kind: ipc.GrantEndpoint})
	for i := range m.lines {
		name := "com" + string(rune('1'+i))
		grant(name, ipc.Grant{Handle: portHandle + ipc.Handle(i), Kind: ipc.GrantPorts, Base: uint64(bases[i]), Size: 8})
		grant(name+"-irq", ipc.Grant{Handle: irqHandle + ipc.Handle(i), Kind: ipc.GrantInterrupt})
		grant(console.Channel(i).String(), ipc.Grant{Handle: wireHandle + ipc.Handle(i), Kind: ipc.GrantWire})
	}
	s, err := New(m, &info)
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

func (m *machine) interrupt(s *Server, c console.Channel) {
	s.Handle(&ipc.Event{Kind: ipc.EventNotify, Bits: m.bound[irqHandle+ipc.Handle(c)]})
}

// direct is a client's transport: its calls go to the server at once.
type direct struct {
	*machine
	s     *Server
	badge uint64
}

func (d direct) Call(_ ipc.Handle, n int, _ ipc.Handle) (int, ipc.Handle, error) {
	return d.s.request(&ipc.Event{Kind: ipc.EventMessage, Badge: d.badge, Length: uint32(n)}), 0, nil
}

func client(m *machine, s *Server) *console.Client {
	return &console.Client{Transport: direct{m, s, 7 | console.BadgeControl}}
}

func TestOutputArrivesWhole(t *testing.T) {
	m, s := start(t, console.Terminal)
	data := bytes.Repeat([]byte("the quick brown fox "), 1000)
	n, state, err := client(m, s).Write(console.Terminal, data)
	if err != nil || n != len(data) || state.Pending != 0 {
		t.Fatalf("wrote %d, %v, %+v", n, err, state)
	}
	if l := m.lines[console.Terminal]; !bytes.Equal(l.sent, data) || l.overrun {
		t.Errorf("%d bytes arrived, overrun %v", len(l.sent), l.overrun)
	}
}

func TestFullOutputIsRefusedThenNotified(t *testing.T) {
	m, s := start(t, console.Terminal)
	l := m.lines[console.Terminal]
	l.blocked = true
	data := bytes.Repeat([]byte{'x'}, 2*ringSize)
	c := client(m, s)
	n, _, err := c.Write(console.Terminal, data)
	if err != nil || n != ringSize+fifoSize {
		t.Fatalf("a blocked line took %d, %v", n, err)
	}
	if l.ier&interruptSpace == 0 {
		t.Fatal("no interrupt asked for when the line takes bytes again")
	}
	l.unblock()
	m.interrupt(s, console.Terminal)
	if m.notified[wireHandle]&console.SpaceBit(console.Terminal) == 0 {
		t.Error("the client was not told of the room")
	}
	if len(l.sent) != n || l.overrun {
		t.Errorf("%d of %d bytes arrived, overrun %v", len(l.sent), n, l.overrun)
	}
	if l.ier&interruptSpace != 0 {
		t.Error("the interrupt stays on with nothing to send: it would never stop")
	}
}

// Root and the personality wait for the same output: each is told on its own wire.
func TestEverybodyWhoWaitsForTheLastByteIsTold(t *testing.T) {
	m, s := start(t, console.Terminal, console.Control)
	l := m.lines[console.Terminal]
	l.blocked = true
	personality := &console.Client{Transport: direct{m, s, 1 << console.Terminal}}
	root := client(m, s)
	if _, _, err := personality.Write(console.Terminal, make([]byte, 2*fifoSize)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*console.Client{personality, root} {
		if state, err := c.Status(console.Terminal); err != nil || state.Pending == 0 {
			t.Fatalf("%+v, %v", state, err)
		}
	}
	space := console.SpaceBit(console.Terminal)
	if m.notified[wireHandle]|m.notified[wireHandle+ipc.Handle(console.Control)] != 0 {
		t.Fatal("told before the last byte was out")
	}
	l.unblock()
	m.interrupt(s, console.Terminal)
	for _, c := range []console.Channel{console.Terminal, console.Control} {
		if m.notified[wireHandle+ipc.Handle(c)] != space {
			t.Errorf("%v was notified %#x, want %#x", c, m.notified[wireHandle+ipc.Handle(c)], space)
		}
	}
}

// A device that was given its last bytes may still hold them when it asks for more, and says nothing
// when they are gone: a machine that stops then loses them.
func TestTheLastByteIsOutWhenItHasLeftTheDevice(t *testing.T) {
	m, s := start(t, console.Control)
	l := m.lines[console.Control]
	l.shifting = true
	c := client(m, s)
	if _, _, err := c.Write(console.Control, []byte("the end")); err != nil {
		t.Fatal(err)
	}
	space := console.SpaceBit(console.Control)
	s.Handle(&ipc.Event{Kind: ipc.EventTimer, Time: 1e9})
	for at := int64(1e9); at < 2e9; at = m.timer {
		if state, err := c.Status(console.Control); err != nil || state.Pending != 1 {
			t.Fatalf("%+v, %v", state, err)
		}
		m.timer = 0
		s.Handle(&ipc.Event{Kind: ipc.EventTimer, Time: at})
		if m.notified[wireHandle+ipc.Handle(console.Control)]&space != 0 {
			t.Fatal("told before the last byte was out")
		}
		if m.timer <= at || m.timer > at+idlePoll {
			t.Fatalf("at %d the timer was set to %d", at, m.timer)
		}
	}
	l.shifting = false
	s.Handle(&ipc.Event{Kind: ipc.EventTimer, Time: m.timer})
	if m.notified[wireHandle+ipc.Handle(console.Control)]&space == 0 {
		t.Error("not told that the last byte is out")
	}
	if state, err := c.Status(console.Control); err != nil || state.Pending != 0 {
		t.Errorf("%+v, %v", state, err)
	}
}

func TestInputIsNotifiedOnceAndReadWhole(t *testing.T) {
	m, s := start(t, console.Terminal)
	c := client(m, s)
	p := make([]byte, 100)
	if n, _, _ := c.Read(console.Terminal, p); n != 0 {
		t.Fatalf("read %d of nothing", n)
	}
	m.lines[0].waiting = []byte("hello")
	m.interrupt(s, console.Terminal)
	if m.notified[wireHandle] != console.InputBit(console.Terminal) {
		t.Fatalf("notified %#x", m.notified[wireHandle])
	}
	m.notified[wireHandle] = 0
	m.lines[0].waiting = []byte(" world")
	m.interrupt(s, console.Terminal)
	if m.notified[wireHandle] != 0 {
		t.Error("notified twice without a read between")
	}
	n, state, err := c.Read(console.Terminal, p)
	if err != nil || string(p[:n]) != "hello world" || state.Available != 0 {
		t.Errorf("read %q, %v, %+v", p[:n], err, state)
	}
}

func TestFullInputHoldsTheSender(t *testing.T) {
	m, s := start(t, console.Terminal)
	l := m.lines[0]
	data := make([]byte, 3*ringSize)
	for i := range data {
		data[i] = byte(i * 7)
	}
	l.waiting = append([]byte(nil), data...)
	m.interrupt(s, console.Terminal)
	if l.ier&interruptInput != 0 {
		t.Error("the input interrupt stays on with a full ring: it would never stop")
	}
	c := client(m, s)
	var got []byte
	p := make([]byte, 10_000)
	for len(got) < len(data) {
		n, _, err := c.Read(console.Terminal, p)
		if err != nil || n == 0 {
			t.Fatalf("after %d bytes: %d, %v", len(got), n, err)
		}
		got = append(got, p[:n]...)
	}
	if !bytes.Equal(got, data) {
		t.Error("other bytes arrived than were sent")
	}
	if l.ier&interruptInput == 0 {
		t.Error("the input interrupt stays off")
	}
}

func TestEndComesAfterTheLastByte(t *testing.T) {
	m, s := start(t, console.Terminal)
	c := client(m, s)
	m.lines[0].waiting = []byte("abc")
	m.interrupt(s, console.Terminal)
	if state, err := c.InputEnd(console.Terminal, 5); err != nil || state.Flags&console.End != 0 {
		t.Fatalf("ended two bytes early: %v, %+v", err, state)
	}
	m.notified[wireHandle] = 0
	p := make([]byte, 10)
	if n, state, _ := c.Read(console.Terminal, p); n != 3 || state.Flags&console.End != 0 {
		t.Fatalf("read %d, %+v", n, state)
	}
	m.lines[0].waiting = []byte("de")
	m.interrupt(s, console.Terminal)
	if m.notified[wireHandle]&console.InputBit(console.Terminal) == 0 {
		t.Error("not told of the last bytes")
	}
	if n, state, _ := c.Read(console.Terminal, p); n != 2 || state.Flags&console.End == 0 {
		t.Errorf("read %d, %+v", n, state)
	}
}

func TestWindow(t *testing.T) {
	m, s := start(t, console.Terminal)
	c := client(m, s)
	if _, err := c.Window(console.Terminal, 24, 80); err != nil {
		t.Fatal(err)
	}
	if m.notified[wireHandle]&console.InputBit(console.Terminal) == 0 {
		t.Error("the change was not told")
	}
	if state, _ := c.Status(console.Terminal); state.Rows != 24 || state.Columns != 80 {
		t.Errorf("window is %dx%d", state.Rows, state.Columns)
	}
}

func TestBrokenLine(t *testing.T) {
	m, s := start(t, console.Terminal)
	c := client(m, s)
	n, state, err := c.Write(console.Errors, []byte("nobody hears"))
	if err != nil || n != 12 || state.Flags != console.Broken|console.End {
		t.Errorf("wrote %d, %v, %+v", n, err, state)
	}
}

func TestBadgeLimits(t *testing.T) {
	m, s := start(t, console.Terminal, console.Control)
	c := &console.Client{Transport: direct{m, s, 1 << console.Terminal}}
	if _, _, err := c.Write(console.Control, []byte("x")); err == nil {
		t.Error("wrote to a channel of somebody else")
	}
	if _, err := c.Window(console.Terminal, 1, 1); err == nil {
		t.Error("changed the window without the right")
	}
	if len(m.lines[console.Control].sent) != 0 {
		t.Error("bytes arrived all the same")
	}
}
