package pager

import (
	"unsafe"

	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/table"
)

// Config is what a pager is told at its start.
type Config struct {
	// Window shows all of Memory and Image to the pager itself.
	Window table.Window
	// WindowAddress is the address of physical 0 in every space that gets the
	// window: ipc.WindowAddress on the machine.
	WindowAddress uint64
	// Own is the pager's own space: the window is mapped into it first. 0: the
	// window is there already.
	Own ipc.Handle
	// Memory are capabilities of memory that was never mapped.
	Memory []ipc.Handle
	// Image is the memory of the boot image, for ObjectAdopt; 0: none.
	Image ipc.Handle
	// Admin is the badge of the client that may do everything: root.
	Admin uint64
}

// Pager is the whole state. It is used by one loop.
type Pager struct {
	t             ipc.Transport
	admin         uint64
	window        table.Window
	windowBase    unsafe.Pointer // the byte at windowLow
	windowLow     uint64
	windowAddress uint64

	own         ipc.Handle // the pager's own space, 0 if the window is there already
	total       uint64     // pages that root gave
	low, high   uint64     // physical, around all of them
	data        []area
	tables      []area
	image       area
	spare       area   // undecided
	keep        uint64 // pages of it that data leaves alone
	granted     uint64 // pages given to the kernel
	framesTotal uint64
	nodesTotal  uint64

	headerPhys    uint64
	header        *table.Header
	spaceRecords  []table.SpaceRecord
	objectRecords []table.ObjectRecord

	spaces      []space
	freeSpaces  freeList
	objects     []object
	freeObjects freeList
	regions     []region
	freeRegions uint32
	regionsFree uint64
	priority    uint32

	frames       []frame
	freeFrame    uint32
	framesFree   uint64
	frameReserve uint64

	freeNode    uint32
	freshNode   uint64 // physical: nodes from here to freshEnd were never taken
	freshEnd    uint64
	nodesFree   uint64
	nodeReserve uint64
	recordsLow  uint64 // physical: where records and arrays are
	recordsEnd  uint64

	mapper  mapper
	message message
}

// New makes a pager of the memory in cfg. It is the only part that allocates.
func New(cfg Config, t ipc.Transport) (*Pager, error) {
	p := &Pager{
		t: t, admin: cfg.Admin, priority: 0x2545f491,
		window: cfg.Window, windowBase: cfg.Window.Base(), windowLow: cfg.Window.Low(),
		windowAddress: cfg.WindowAddress,
		data:          make([]area, 0, maxAreas),
		tables:        make([]area, 0, maxAreas),
	}
	if err := p.takeMemory(&cfg); err != nil {
		return nil, err
	}
	if err := p.layOut(); err != nil {
		return nil, err
	}
	return p, nil
}

// Handle takes one event and answers it before it returns.
func (p *Pager) Handle(ev *ipc.Event) {
	switch ev.Kind {
	case ipc.EventFault:
		p.fault(ev)
	case ipc.EventMessage:
		p.answer(ev)
		p.publish()
	default:
		// Notifications and timers are not asked for; a thread's exception that
		// came here by a wrong wire is not ours to judge.
		if ev.Token.Sequence != 0 {
			p.t.Reply(ipc.Reply{Token: ev.Token, Action: ipc.ActionForward})
		}
	}
}

// message is the request being worked on. It is copied out of the message
// buffer first, because kernel calls may use the buffer.
type message struct {
	in  [ipc.MessageSize]byte // first, so that it is aligned like the struct
	out [ipc.MessageSize]byte
	// badge is the client's, cap the capability that came, to be deleted unless kept.
	badge uint64
	cap   ipc.Handle
	// newSpace and newObject are what ThisSpace and ThisObject mean; answer is the
	// capability to send.
	newSpace, newObject uint32
	answer              ipc.Handle
	spaces              int // made by this message: one capability travels

	// op and outcome are those being worked on: handlers are called through a
	// table, and what they point to would be allocated.
	op      op
	outcome pagerwire.Outcome
}

// answer runs the ops of a message and answers it.
func (p *Pager) answer(ev *ipc.Event) {
	m := &p.message
	m.badge, m.cap, m.newSpace, m.newObject, m.answer, m.spaces = ev.Badge, ev.Cap, 0, 0, 0, 0
	buf := p.t.Buffer()
	n := copy(m.in[:], buf[:min(int(ev.Length), len(buf))])
	count, st := pagerwire.CheckRequest(m.in[:n])
	if st != pagerwire.OK {
		count, st = 0, pagerwire.StatusMalformed
	}
	failed := false
	for i := range count {
		m.outcome = pagerwire.Outcome{Status: pagerwire.StatusNotRun}
		if !failed {
			pagerwire.GetOp(m.in[:n], i, &m.op.Command)
			m.outcome.Status = pagerwire.OK
			p.run(&m.op, &m.outcome)
			failed = m.outcome.Status != pagerwire.OK
		}
		pagerwire.PutResult(m.out[:], i, &m.outcome)
	}
	pagerwire.PutAnswerHeader(m.out[:], count, st)
	if m.cap != 0 {
		p.t.CapDelete(m.cap)
	}
	p.publish()
	n = copy(p.t.Buffer(), m.out[:pagerwire.AnswerLength(count)])
	// An error means that the client is gone.
	p.t.Answer(ev.Token, n, m.answer)
}
