package supervise

import (
	"unsafe"

	"starling/ipc"
)

// A server that can be swapped runs as one instance after the other. Each shares one
// page with root (ipc.InstanceAddress) and has an endpoint of its own, "instance",
// beside "self", which goes from instance to instance with all who wait there. Root
// writes an order into the page and notifies; the instance carries it out, writes what
// came of it, and notifies Staged at root. Nobody waits for anybody, so that root can
// give up on an instance that does not answer.
//
//	root                     old instance                new instance
//	starts it       ------------------------------------>  warms up
//	                <------------------------------------  StageWarm
//	HandOver        ------>  finishes its message,
//	                         exports, waits apart
//	                <------  StageHandedOver
//	TakeOver        ------------------------------------>  imports, exports again
//	                <------------------------------------  StageTakenOver
//	compares digests
//	Commit          ------------------------------------>  waits at "self": the move
//	                <------------------------------------  StageActive
//	destroys the old instance
//
// Until StageActive root can give the order Resume instead, and the old instance goes
// on where it was.

// InstanceWire is the name of an instance's own endpoint.
const InstanceWire = "instance"

const (
	// HandOverBit tells the instance at "self" that there is an order for it. The bit
	// lies above those of console and pager.
	HandOverBit uint64 = 1 << 32
	// OrderBit does the same at its own endpoint.
	OrderBit uint64 = 1
	// Staged tells root that an instance has carried out an order.
	Staged uint64 = 1 << 34
)

// Command is what root wants of an instance.
type Command uint32

const (
	// CommandStart: it is the first instance, or follows one that died: it starts from
	// nothing.
	CommandStart Command = iota
	// CommandWarm: it is to take over from another one: it prepares and waits.
	CommandWarm
	// CommandHandOver: it exports its state and stops taking events.
	CommandHandOver
	// CommandResume: nobody takes over: it goes on.
	CommandResume
	// CommandTakeOver: it imports the state.
	CommandTakeOver
	// CommandCommit: it goes on where the other one stopped.
	CommandCommit
	// CommandSign: it gives a sign of life, StageActive.
	CommandSign
)

// Stage is how far an instance has come.
type Stage uint32

const (
	StageNone Stage = iota
	StageWarm
	StageHandedOver
	StageTakenOver
	// StageActive: it takes events.
	StageActive
	// StageRefused: it cannot do what it was told; the text says why. It is as it was.
	StageRefused
)

// Places in the page.
const (
	instanceSize = 80
	textPlace    = 128
	textRoom     = 768
	eventPlace   = textPlace + textRoom
	eventRoom    = 128
	fieldsPlace  = eventPlace + eventRoom
	// MaxFields is the longest list of fields in bytes.
	MaxFields = ipc.PageSize - fieldsPlace
)

// Page is the page that root shares with an instance. What the other side wrote is
// believed only as far as lengths go.
type Page []byte

// Order is what root wrote.
type Order struct {
	Command Command
	Number  uint32
	Peer    ipc.Handle
	Object  uint32
	Size    uint64
}

// Outcome is what the instance wrote.
type Outcome struct {
	Stage   Stage
	Answers uint32
	Object  uint32
	Size    uint64
	Records uint64
	Digest  uint64
	Text    string
}

func (p Page) record() *Instance {
	var i Instance
	i.Init(p, 0)
	return &i
}

// Order reads root's order.
func (p Page) Order() Order {
	i := p.record()
	return Order{Command(i.Command()), i.Number(), ipc.Handle(i.Peer()), i.Object(), i.Size()}
}

// PutOrder writes an order.
func (p Page) PutOrder(o Order) {
	i := p.record()
	i.MutateCommand(uint32(o.Command))
	i.MutateNumber(o.Number)
	i.MutatePeer(uint32(o.Peer))
	i.MutateObject(o.Object)
	i.MutateSize(o.Size)
}

// Outcome reads what came of the last order.
func (p Page) Outcome() Outcome {
	i := p.record()
	n := min(int(i.Text()), textRoom)
	return Outcome{Stage(i.Stage()), i.Answers(), i.MadeObject(), i.MadeSize(), i.Records(), i.Digest(), string(p[textPlace:][:n])}
}

// PutOutcome writes what came of an order. Text that does not fit is cut.
func (p Page) PutOutcome(o Outcome) {
	i := p.record()
	i.MutateAnswers(o.Answers)
	i.MutateMadeObject(o.Object)
	i.MutateMadeSize(o.Size)
	i.MutateRecords(o.Records)
	i.MutateDigest(o.Digest)
	i.MutateText(uint32(copy(p[textPlace:][:textRoom], o.Text)))
	i.MutateStage(uint32(o.Stage))
}

// Event is where an instance takes its events, so that root knows the last one when it dies.
func (p Page) Event() *ipc.Event {
	const _ = eventRoom - unsafe.Sizeof(ipc.Event{}) // it fits
	return (*ipc.Event)(unsafe.Pointer(&p[eventPlace]))
}

// Fields is a copy of the list of fields in the page (wire.Schema.Known).
func (p Page) Fields() []byte {
	n := min(int(p.record().Fields()), MaxFields)
	return append([]byte(nil), p[fieldsPlace:][:n]...)
}

// PutFields writes a list of fields; one that does not fit is left out, and false.
func (p Page) PutFields(list []byte) bool {
	if len(list) > MaxFields {
		list = nil
	}
	p.record().MutateFields(uint32(copy(p[fieldsPlace:], list)))
	return list != nil
}
