package sim

import (
	"starling/ipc"
	"starling/ipc/console"
	kernel "starling/ipc/sim"
)

// Console is the console server without a device: what is written to a channel
// is kept, and input is what the test types. It notifies when the real one would.
type Console struct {
	tr       *kernel.Transport
	self     ipc.Handle
	notify   ipc.Handle // the personality
	channels [console.Channels]channel
	rows     uint16
	columns  uint16
	again    console.Repeat
}

type channel struct {
	in, out    []byte
	ended      bool
	room       int // bytes of output it takes before it is full
	wantsInput bool
	wantsSpace bool
}

// roomy is a channel that takes any output at once.
const roomy = 1 << 30

func newConsole(k *kernel.Kernel) *Console {
	c := &Console{tr: k.Server("console")}
	c.tr.SetPriority(0)
	c.self, _ = c.tr.EndpointCreate()
	c.tr.Serve(c.self, c)
	for i := range c.channels {
		c.channels[i].room, c.channels[i].wantsInput = roomy, true
	}
	return c
}

// Type gives the program input on the terminal.
func (c *Console) Type(s string) {
	t := &c.channels[console.Terminal]
	t.in = append(t.in, s...)
	if t.wantsInput {
		t.wantsInput = false
		c.tell(console.InputBit(console.Terminal))
	}
}

// EndInput says that there is no more input.
func (c *Console) EndInput() {
	c.channels[console.Terminal].ended = true
	c.tell(console.InputBit(console.Terminal))
}

// Resize changes the window of the terminal.
func (c *Console) Resize(rows, columns uint16) {
	c.rows, c.columns = rows, columns
	c.tell(console.InputBit(console.Terminal))
}

// Room makes a channel take n more bytes of output, as one whose device is slow.
func (c *Console) Room(ch console.Channel, n int) {
	t := &c.channels[ch]
	t.room = n
	if t.wantsSpace && n > 0 {
		t.wantsSpace = false
		c.tell(console.SpaceBit(ch))
	}
}

// Output is what was written to a channel.
func (c *Console) Output(ch console.Channel) string { return string(c.channels[ch].out) }

func (c *Console) tell(bits uint64) {
	if c.notify != 0 && bits != 0 {
		c.tr.Notify(c.notify, bits)
		c.again.Told(bits, c.tr.Now())
		c.tr.TimerSet(c.self, c.again.Next())
	}
}

// restart is a new instance of the server: what clients wait to hear of is forgotten, so they are told.
func (c *Console) restart() {
	for i := range c.channels {
		t := &c.channels[i]
		t.wantsInput, t.wantsSpace = true, false
		if len(t.in) > 0 {
			t.wantsInput = false
			c.tell(console.InputBit(console.Channel(i)))
		}
	}
}

// Handle answers one request.
func (c *Console) Handle(ev *ipc.Event) {
	if ev.Kind == ipc.EventTimer {
		c.tell(c.again.Due(ev.Time))
	}
	if ev.Kind != ipc.EventMessage {
		return
	}
	buf := c.tr.Buffer()
	m, status := console.Parse(buf, int(ev.Length))
	if status == console.OK && ev.Badge&(1<<m.Channel) == 0 {
		status = console.BadChannel
	}
	s := console.State{Status: status, Space: console.MaxData}
	n := 0
	if status == console.OK {
		c.again.Heard(m.Channel)
		s, n = c.do(m, buf)
	}
	c.tr.Answer(ev.Token, console.PutAnswer(buf, s, n), 0)
}

func (c *Console) do(m console.Message, buf []byte) (s console.State, n int) {
	t := &c.channels[m.Channel]
	switch m.Op {
	case console.OpWrite:
		s.Length = min(len(m.Data), t.room)
		t.out = append(t.out, m.Data[:s.Length]...)
		if t.room != roomy {
			t.room -= s.Length
		}
		t.wantsSpace = s.Length < len(m.Data)
	case console.OpRead:
		n = copy(console.AnswerData(buf)[:m.Length], t.in)
		t.in = t.in[n:]
		s.Length = n
		t.wantsInput = n < m.Length || len(t.in) == 0
	case console.OpStatus:
		t.wantsInput = len(t.in) == 0
	}
	s.Available, s.Space = len(t.in), min(t.room, console.MaxData)
	if t.ended {
		s.Flags |= console.End
	}
	s.Rows, s.Columns = c.rows, c.columns
	return s, n
}
