// Package instance runs a personality as one of the instances of its server: it starts
// from nothing or takes over from the instance before, handles one event after the
// other, and hands its state over to the instance that follows. The protocol with
// root is in ipc/supervise.
//
// It knows nothing of Linux; every personality runs on it. It may import ipc and the
// pager's client end.
package instance

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"starling/ipc"
	"starling/ipc/supervise"
	"starling/ipc/wire"
	"starling/pager/client"
)

// Personality is what an instance runs. Its whole state is an S.
type Personality[S any] interface {
	// Start begins from nothing.
	Start() error
	// Handle is one event, to its end.
	Handle(ev *ipc.Event)
	// HandOver is the state for the server whose thread is to, with the capabilities
	// that the state names copied into that server's table. It changes nothing here.
	HandOver(to ipc.Handle) (*S, error)
	// Restore takes a state over. After an error the personality is of no use.
	Restore(s *S) error
	// Snapshot is the state as it is.
	Snapshot() *S
}

// Trapper is a Personality that leaves the traps of its programs to somebody else:
// nearly all events are some.
type Trapper interface {
	Traps() Traps
}

// Traps handles events about threads of programs: Syscall those of kind EventSyscall, Trap the others.
type Traps interface {
	Syscall(ev *ipc.Event)
	Trap(ev *ipc.Event)
}

// Config is what an instance is given.
type Config[S any] struct {
	Transport ipc.Transport
	// Endpoint is the one that goes from instance to instance, Own its own.
	Endpoint, Own ipc.Handle
	// Root is the wire to root.
	Root  ipc.Handle
	Pager *client.Client
	// Page is shared with root.
	Page supervise.Page
	// Codec turns the state into bytes and back.
	Codec *wire.Codec[S]
	// Collect is called between two messages now and then: the time for the garbage
	// collector, which may not choose its own. It returns how many strides lie before the next call. It may be nil.
	Collect func() int
}

// Stride is how many messages are handled before something else is thought of.
const Stride = 8

// Configure finds what root granted in the info page.
func Configure[S any](t ipc.Transport, info *ipc.ServerInfo, pager *client.Client, codec *wire.Codec[S]) (Config[S], error) {
	c := Config[S]{Transport: t, Pager: pager, Codec: codec}
	for _, g := range []struct {
		name string
		to   *ipc.Handle
	}{{"self", &c.Endpoint}, {supervise.InstanceWire, &c.Own}, {supervise.Wire, &c.Root}} {
		grant, ok := info.Grant(g.name)
		if !ok {
			return c, fmt.Errorf("no %q was granted", g.name)
		}
		*g.to = grant.Handle
	}
	c.Page = unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(ipc.InstanceAddress))), ipc.PageSize)
	return c, nil
}

// Instance is one instance.
type Instance[S any] struct {
	Config[S]
	p     Personality[S]
	traps Traps
	done  uint32 // number of the last order carried out
	state object // of an unfinished swap
}

// Run is the whole life of an instance. It returns only with an error.
func Run[S any](c Config[S], p Personality[S]) error {
	in := &Instance[S]{Config: c, p: p, traps: plain[S]{p}}
	if own, ok := p.(Trapper); ok {
		in.traps = own.Traps()
	}
	o := c.Page.Order()
	in.done = o.Number
	c.Page.PutFields(c.Codec.Known())
	if o.Command == supervise.CommandWarm {
		if err := in.takeOver(o); err != nil {
			return err
		}
	} else {
		if err := p.Start(); err != nil {
			return err
		}
		if err := c.Transport.Notify(c.Root, supervise.Ready); err != nil {
			return err
		}
	}
	return in.serve()
}

// serve handles one event after the other. An error of Wait is that of the reply
// before it, whose thread is gone, unless it does not go away.
func (in *Instance[S]) serve() error {
	ev := in.Page.Event()
	for strides := 1; ; strides-- {
		for range Stride {
			if in.Transport.Wait(in.Endpoint, ev) != nil {
				if err := in.Transport.Wait(in.Endpoint, ev); err != nil {
					return fmt.Errorf("wait: %w", err)
				}
			}
			if ev.Kind == ipc.EventSyscall {
				in.traps.Syscall(ev)
			} else if ev.Kind <= ipc.EventReport {
				in.traps.Trap(ev)
			} else if err := in.other(ev); err != nil {
				return err
			}
		}
		if strides <= 0 && in.Collect != nil {
			strides = in.Collect()
		}
	}
}

// other handles an event that is not about a thread of a program.
func (in *Instance[S]) other(ev *ipc.Event) error {
	if ev.Kind != ipc.EventNotify || ev.Bits&supervise.HandOverBit == 0 {
		in.p.Handle(ev)
		return nil
	}
	if ev.Bits &^= supervise.HandOverBit; ev.Bits != 0 {
		in.p.Handle(ev)
	}
	return in.handOver()
}

// plain is a personality that handles its traps itself.
type plain[S any] struct{ p Personality[S] }

func (c plain[S]) Syscall(ev *ipc.Event) { c.p.Handle(ev) }
func (c plain[S]) Trap(ev *ipc.Event)    { c.p.Handle(ev) }

// handOver is the old instance's part: from here on it takes no events, until
// root says that nobody takes over. Being destroyed is the usual end.
func (in *Instance[S]) handOver() error {
	o := in.Page.Order()
	switch {
	case o.Number == in.done:
		return nil
	case o.Command == supervise.CommandSign:
		return in.say(o, supervise.Outcome{Stage: supervise.StageActive})
	case o.Command == supervise.CommandResume: // the order was withdrawn before it was seen
		return in.active(o)
	case o.Command != supervise.CommandHandOver:
		return in.refuse(o)
	}
	if err := in.say(o, in.exported(o)); err != nil {
		return err
	}
	for {
		next, err := in.order()
		if err != nil {
			return err
		}
		if next.Command == supervise.CommandResume {
			return in.active(next)
		}
		if err := in.refuse(next); err != nil {
			return err
		}
	}
}

// exported makes the state and puts it where the other instance can read it. What the
// other would lose is refused here, where nothing is lost yet.
func (in *Instance[S]) exported(o supervise.Order) supervise.Outcome {
	s, err := in.p.HandOver(o.Peer)
	if err != nil {
		return supervise.Outcome{Stage: supervise.StageRefused, Text: err.Error()}
	}
	sum := in.Codec.Sum(s, in.Page.Fields())
	if len(sum.Lost) > 0 {
		return supervise.Outcome{Stage: supervise.StageRefused, Text: lossText(sum.Lost)}
	}
	if in.state, err = store(in.Pager, in.Codec.Encode(s)); err != nil {
		return supervise.Outcome{Stage: supervise.StageRefused, Text: err.Error()}
	}
	return supervise.Outcome{
		Stage: supervise.StageHandedOver, Object: uint32(in.state.id), Size: in.state.size, Records: sum.Records, Digest: sum.Digest,
	}
}

// lossText says what a build would lose that has never heard of some fields.
func lossText(fields []string) string {
	const named = 8
	text := "the other build has never heard of what it would lose: " + strings.Join(fields[:min(len(fields), named)], ", ")
	if more := len(fields) - named; more > 0 {
		text += fmt.Sprintf(" and %d more fields", more)
	}
	return text
}

// takeOver is the new instance's part, until it is the one that takes the events.
func (in *Instance[S]) takeOver(o supervise.Order) error {
	if err := in.say(o, supervise.Outcome{Stage: supervise.StageWarm}); err != nil {
		return err
	}
	imported := false
	for {
		o, err := in.order()
		if err != nil {
			return err
		}
		switch {
		case o.Command == supervise.CommandTakeOver && !imported:
			imported = true
			err = in.say(o, in.imported(o))
		case o.Command == supervise.CommandCommit && imported:
			return in.active(o)
		default:
			err = in.refuse(o)
		}
		if err != nil {
			return err
		}
	}
}

// imported takes the state over and exports it again.
func (in *Instance[S]) imported(o supervise.Order) supervise.Outcome {
	in.state = object{client.Object(o.Object), o.Size}
	s, err := in.restored(o)
	if err != nil {
		return supervise.Outcome{Stage: supervise.StageRefused, Text: err.Error()}
	}
	sum := in.Codec.Sum(s, in.Page.Fields())
	return supervise.Outcome{Stage: supervise.StageTakenOver, Size: o.Size, Records: sum.Records, Digest: sum.Digest}
}

// restored takes the state over and takes it down again.
func (in *Instance[S]) restored(o supervise.Order) (*S, error) {
	b, err := ReadState(in.Pager, o)
	if err != nil {
		return nil, err
	}
	s, err := in.Codec.Decode(b)
	if err == nil {
		err = in.p.Restore(s)
	}
	if err != nil {
		return nil, err
	}
	return in.p.Snapshot(), nil
}

// order waits for the next order.
func (in *Instance[S]) order() (supervise.Order, error) {
	var ev ipc.Event
	for failures := 0; ; {
		if err := in.Transport.Wait(in.Own, &ev); err != nil {
			// Once it may be the error of the last reply.
			if failures++; failures > 1 {
				return supervise.Order{}, fmt.Errorf("waiting for an order: %w", err)
			}
			continue
		}
		if o := in.Page.Order(); o.Number != in.done {
			return o, nil
		}
	}
}

// active ends a swap on the side of the instance that goes on.
func (in *Instance[S]) active(o supervise.Order) error {
	in.state.destroy(in.Pager)
	if o.Peer != 0 {
		// What it names went with the other instance; the slot is ours.
		_ = in.Transport.CapDelete(o.Peer)
	}
	in.Page.PutFields(in.Codec.Known())
	return in.say(o, supervise.Outcome{Stage: supervise.StageActive})
}

func (in *Instance[S]) refuse(o supervise.Order) error {
	return in.say(o, supervise.Outcome{Stage: supervise.StageRefused, Text: fmt.Sprintf("order %d is out of turn", o.Command)})
}

// say tells root what came of an order.
func (in *Instance[S]) say(o supervise.Order, out supervise.Outcome) error {
	in.done, out.Answers = o.Number, o.Number
	in.Page.PutOutcome(out)
	return in.Transport.Notify(in.Root, supervise.Staged)
}

// errMemory says that the state could not be put anywhere.
var errMemory = errors.New("no memory for the state")
