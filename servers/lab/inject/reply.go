package inject

import (
	"encoding/binary"

	"starling/ipc"
	"starling/ipc/fault"
	"starling/ipc/relay"
)

// relayed tells the server that there are events.
func (l *Lab) relayed() { l.send(relay.Bit) }

// reply takes a reply of the server, and returns what the kernel says to it.
func (l *Lab) reply(r ipc.Reply) error {
	if l.die(r.Token) || l.hung {
		return nil
	}
	if l.spares(r.Token) {
		return l.give(r)
	}
	message := "reply"
	if r.Action == ipc.ActionForward {
		message = "forward"
	}
	rule := l.strike(l.To+">"+l.From, message, replyWords(r))
	if rule == nil {
		return l.give(r)
	}
	switch rule.Kind {
	case fault.Drop:
		return nil
	case fault.Delay:
		l.after(delay(rule), func() { _ = l.give(r) })
		return nil
	case fault.StaleGeneration, fault.StaleSequence:
		l.refused(rule.StaleReply(r), ipc.ErrStale)
	case fault.DoubleReply:
		if r.Action == ipc.ActionPark {
			l.spare(rule)
			break
		}
		err := l.give(r)
		l.refused(fault.Again(r), ipc.ErrStale)
		return err
	case fault.HostileRegisters:
		f := l.frameOf(r.Token)
		if f == nil {
			l.spare(rule)
			break
		}
		before := *f
		rule.Scribble(f, r.Mask)
		err := l.give(r)
		before.Event = f.Event // the kernel writes it when it forwards
		*f = before
		return err
	case fault.Flip:
		if f := l.frameOf(r.Token); f != nil {
			rule.DamageFrame(&f.Regs)
		}
	case fault.Field:
		refusal := l.t.ReplyOnce(rule.Invalid(r))
		err := l.give(r)
		if !fault.Refused(refusal, err) {
			l.complain("the kernel took a reply that means nothing: %v", refusal)
		}
		return err
	}
	return l.give(r)
}

// give replies to the kernel. It must take one reply to each event.
func (l *Lab) give(r ipc.Reply) error {
	err := l.t.ReplyOnce(r)
	if err == nil && r.Action != ipc.ActionPark {
		t := threadOf(r.Token)
		if l.answered[t] == r.Token.Sequence {
			l.complain("the kernel took two replies to event %d of thread %d", r.Token.Sequence, t.number)
		}
		l.answered[t] = r.Token.Sequence
	}
	return err
}

// refused makes a reply that the kernel must refuse.
func (l *Lab) refused(r ipc.Reply, want ipc.Error) {
	if err := l.t.ReplyOnce(r); err != want {
		l.complain("the kernel took a reply that it must refuse with %q: %v", want, err)
	}
}

func replyWords(r ipc.Reply) []byte {
	b := make([]byte, 0, 24)
	for _, v := range [...]uint64{uint64(r.Token.Thread), r.Token.Sequence, uint64(r.Action) | uint64(r.Mask)<<8 | uint64(r.Class)<<24} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
