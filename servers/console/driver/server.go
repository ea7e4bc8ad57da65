// Package driver is the console server: it moves bytes between serial lines and
// the clients of the console wire.
//
// It is a state machine over ipc.Transport, driven by requests and interrupts.
// Each channel has a ring in each direction, so a client is never made to wait:
// what does not fit is refused, and the client is notified once it would. A full
// input ring stops reading from the device, whose own flow control then holds
// the sender.
package driver

import (
	"fmt"

	"starling/ipc"
	"starling/ipc/console"
)

// interruptBit is the notification of a channel's interrupt.
func interruptBit(c console.Channel) uint64 { return 1 << (32 + c) }

type channel struct {
	uart    uart
	present bool
	in, out ring
	notify  ipc.Handle // whom to tell, 0 if nobody

	// What the client waits to hear of.
	wantsInput, wantsSpace, wantsEmpty bool
	// Whoever is at the control channel waits to hear that the output is out, too: it
	// must not tell the host of a program's end before the program's last words.
	controlWantsEmpty bool

	end           uint64 // input ends after so many bytes
	ended         bool   // end is known
	rows, columns uint16
}

// Server is the console.
type Server struct {
	t        ipc.Transport
	endpoint ipc.Handle
	channels [console.Channels]channel
	now      int64 // of the event being handled
	again    console.Repeat
	armed    int64 // when the timer is to come, 0 for never
}

// idlePoll is how often a device is asked, in ns, whether its last bytes are out while
// somebody waits for that: a FIFO takes 1.4 ms at 115200 baud, and no interrupt says so.
const idlePoll = 1e6

// New takes its devices and wires from the info page and starts the lines. A
// line that the manifest does not name, or with no device behind it, is broken:
// output to it is dropped, input from it has ended.
func New(t ipc.Transport, info *ipc.ServerInfo) (*Server, error) {
	self, ok := info.Grant("self")
	if !ok {
		return nil, fmt.Errorf("console: no endpoint of its own")
	}
	s := &Server{t: t, endpoint: self.Handle}
	for i := range s.channels {
		c, name := &s.channels[i], fmt.Sprintf("com%d", i+1)
		c.wantsInput = true
		if wire, ok := info.Grant(console.Channel(i).String()); ok && wire.Kind == ipc.GrantWire {
			c.notify = wire.Handle
		}
		ports, ok := info.Grant(name)
		if !ok {
			continue
		}
		interrupt, ok := info.Grant(name + "-irq")
		if !ok || ports.Kind != ipc.GrantPorts || interrupt.Kind != ipc.GrantInterrupt {
			return nil, fmt.Errorf("console: %s has no interrupt or is not a range of ports", name)
		}
		c.uart = uart{t: t, ports: ports.Handle, interrupt: interrupt.Handle, base: uint16(ports.Base)}
		if c.present = c.uart.start(); !c.present {
			continue
		}
		if err := t.InterruptBind(interrupt.Handle, self.Handle, interruptBit(console.Channel(i))); err != nil {
			return nil, fmt.Errorf("console: interrupt of %s: %w", name, err)
		}
		s.service(console.Channel(i))
	}
	return s, nil
}

// Endpoint is where the server waits for events.
func (s *Server) Endpoint() ipc.Handle { return s.endpoint }

// Handle takes one event.
func (s *Server) Handle(ev *ipc.Event) {
	s.now = ev.Time
	switch ev.Kind {
	case ipc.EventTimer:
		s.armed = 0
		bits := s.again.Due(ev.Time)
		for i := range s.channels {
			c := console.Channel(i)
			s.tell(&s.channels[i], bits&(console.InputBit(c)|console.SpaceBit(c)))
			s.service(c)
		}
	case ipc.EventNotify:
		for i := range s.channels {
			c := console.Channel(i)
			if ev.Bits&interruptBit(c) != 0 && s.channels[i].present {
				// Unmask first: an edge that comes while the line is being served
				// must not get lost.
				_ = s.t.InterruptAck(s.channels[i].uart.interrupt)
				s.service(c)
			}
		}
	case ipc.EventMessage:
		if ev.Cap != 0 {
			_ = s.t.CapDelete(ev.Cap)
		}
		n := s.request(ev)
		_ = s.t.Answer(ev.Token, n, 0)
	}
	s.setTimer()
}

// setTimer sees to it that the timer comes when there is something to do then. One that comes
// too early only sets the next.
func (s *Server) setTimer() {
	at := s.again.Next()
	for i := range s.channels {
		if s.channels[i].leaving() && (at == 0 || at > s.now+idlePoll) {
			at = s.now + idlePoll
		}
	}
	if at != 0 && (s.armed == 0 || at < s.armed) && s.t.TimerSet(s.endpoint, at) == nil {
		s.armed = at
	}
}

// waited reports whether somebody waits to hear that the output is out.
func (c *channel) waited() bool { return c.wantsEmpty || c.controlWantsEmpty }

// leaving reports whether somebody waits for the last bytes, which the device has.
func (c *channel) leaving() bool { return c.waited() && c.out.length() == 0 && !c.uart.idle() }

// pending is how many bytes have not left the device. Those that it was given count as one.
func (c *channel) pending() int {
	if c.out.length() == 0 && !c.uart.idle() {
		return 1
	}
	return c.out.length()
}

// service moves bytes between the rings and the device, and tells the client
// what it waits to hear.
func (s *Server) service(i console.Channel) {
	c := &s.channels[i]
	if !c.present {
		return
	}
	full := c.uart.receive(&c.in)
	c.uart.send(&c.out)
	c.uart.enable(!full, c.out.length() > 0)
	var bits uint64
	if c.wantsInput && c.in.length() > 0 {
		bits |= console.InputBit(i)
		c.wantsInput = false
	}
	empty := c.waited() && c.pending() == 0
	if c.wantsSpace && c.out.space() >= ringSize/2 || c.wantsEmpty && empty {
		bits |= console.SpaceBit(i)
		c.wantsSpace, c.wantsEmpty = false, false
	}
	s.tell(c, bits)
	if c.controlWantsEmpty && empty {
		c.controlWantsEmpty = false
		s.tell(&s.channels[console.Control], console.SpaceBit(i))
	}
}

func (s *Server) tell(c *channel, bits uint64) {
	if bits != 0 && c.notify != 0 {
		_ = s.t.Notify(c.notify, bits)
		s.again.Told(bits, s.now)
	}
}

// request serves one call and returns the length of the answer in the message buffer.
func (s *Server) request(ev *ipc.Event) int {
	buf := s.t.Buffer()
	m, status := console.Parse(buf, int(ev.Length))
	if status == console.OK && ev.Badge&(1<<m.Channel) == 0 {
		status = console.BadChannel
	}
	setting := m.Op == console.OpInputEnd || m.Op == console.OpWindow
	if status == console.OK && setting && ev.Badge&console.BadgeControl == 0 {
		status = console.BadChannel
	}
	if status == console.OK {
		s.again.Heard(m.Channel)
	} else {
		return console.PutAnswer(buf, console.State{Status: status}, 0)
	}
	return s.serve(m, ev.Badge&console.BadgeControl != 0)
}

func (s *Server) serve(m console.Message, control bool) int {
	c := &s.channels[m.Channel]
	length, data := 0, 0
	switch m.Op {
	case console.OpWrite:
		length = s.write(m.Channel, m.Data)
	case console.OpRead:
		s.service(m.Channel)
		length = c.in.get(console.AnswerData(s.t.Buffer())[:m.Length])
		data = length
		c.wantsInput = length < m.Length || c.in.length() == 0
		if c.present && c.in.space() > 0 {
			c.uart.enable(true, c.out.length() > 0)
		}
	case console.OpStatus:
		s.service(m.Channel)
		c.wantsInput = c.in.length() == 0
		if pending := c.pending() > 0; control {
			c.controlWantsEmpty = pending
		} else {
			c.wantsEmpty = pending
		}
	case console.OpInputEnd:
		c.end, c.ended = m.Value, true
		s.tell(c, console.InputBit(m.Channel))
	case console.OpWindow:
		c.rows, c.columns = uint16(m.Value>>16), uint16(m.Value)
		s.tell(c, console.InputBit(m.Channel))
	}
	return console.PutAnswer(s.t.Buffer(), c.state(length), data)
}

// write takes what fits. When the ring was full the device may have room by
// now, so it is served once more before the rest is refused.
func (s *Server) write(i console.Channel, data []byte) int {
	c := &s.channels[i]
	if !c.present {
		return len(data)
	}
	// Sending uses the message buffer, where the data is: first all that fits.
	n := c.out.put(data)
	c.wantsSpace = n < len(data)
	s.service(i)
	return n
}

func (c *channel) state(length int) console.State {
	s := console.State{
		Length: length, Available: c.in.length(), Space: c.out.space(), Pending: c.pending(),
		Rows: c.rows, Columns: c.columns,
	}
	if !c.present {
		s.Flags |= console.Broken | console.End
	}
	if c.ended && c.in.tail >= c.end {
		s.Flags |= console.End
	}
	return s
}
