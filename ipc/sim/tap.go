package sim

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"

	"starling/ipc"
)

// MessageKind says what a Message is.
type MessageKind uint8

const (
	MessageEvent   MessageKind = iota // an event on its way to a server
	MessageHandled                    // the server has handled the event: a message boundary
	MessageReply                      // the answer to a trap
	MessageCall                       // a server calls another
	MessageAnswer                     // what came back
	MessageNotify                     // bits to an endpoint
)

var (
	messageNames = [...]string{"event", "handled", "reply", "call", "answer", "notify"}
	eventNames   = [...]string{"none", "syscall", "fault", "exception", "report", "message", "notify", "timer"}
	actionNames  = [...]string{"resume", "resume and report", "park", "kill", "forward", "yield"}
)

// Message is one thing that went over a wire, as a tap sees it. Pointers and
// Bytes are valid during the tap only.
type Message struct {
	Kind   MessageKind
	Time   int64
	Server *Transport // who receives an event, or who replies, calls, notifies
	Peer   string     // the other server of a call
	Thread uint32     // the program of an event or a reply
	Event  *ipc.Event
	Reply  *ipc.Reply
	Bytes  []byte
	Bits   uint64
}

// Tap makes f see every message. A tap may export, import and replace handlers
// (Serve) at MessageHandled, and must not call the kernel otherwise.
func (k *Kernel) Tap(f func(Message)) { k.taps = append(k.taps, f) }

func (k *Kernel) tap(m Message) {
	m.Time = k.now
	for _, f := range k.taps {
		f(m)
	}
}

func (k *Kernel) tapEvent(tr *Transport, t *Thread, ev *ipc.Event) {
	if k.taps == nil {
		return
	}
	m := Message{Kind: MessageEvent, Server: tr, Event: ev}
	if t != nil {
		m.Thread = t.number
	}
	if ev.Kind == ipc.EventMessage {
		m.Peer, m.Bytes = t.server.name, tr.buffer[:ev.Length]
	}
	k.tap(m)
}

func (k *Kernel) tapHandled(tr *Transport, ev *ipc.Event) {
	if k.taps != nil {
		k.tap(Message{Kind: MessageHandled, Server: tr, Event: ev})
	}
}

func (k *Kernel) tapReply(tr *Transport, t *Thread, r *ipc.Reply) {
	if k.taps != nil {
		k.tap(Message{Kind: MessageReply, Server: tr, Thread: t.number, Reply: r})
	}
}

func (k *Kernel) tapCall(tr *Transport, ep *endpoint, b []byte) {
	if k.taps != nil {
		k.tap(Message{Kind: MessageCall, Server: tr, Peer: ep.receiver.name, Bytes: b})
	}
}

func (k *Kernel) tapAnswer(tr *Transport, ep *endpoint, b []byte) {
	if k.taps != nil {
		k.tap(Message{Kind: MessageAnswer, Server: tr, Peer: ep.receiver.name, Bytes: b})
	}
}

func (k *Kernel) tapNotify(tr *Transport, ep *endpoint, bits uint64) {
	if k.taps != nil {
		k.tap(Message{Kind: MessageNotify, Server: tr, Peer: ep.receiver.name, Bits: bits})
	}
}

// String is the message in one line.
func (m Message) String() string {
	s := fmt.Sprintf("%12d %-10s %-7s", m.Time, m.Server.name, messageNames[m.Kind])
	if m.Peer != "" {
		s += " " + m.Peer
	}
	if m.Thread != 0 {
		s += fmt.Sprintf(" thread %d", m.Thread)
	}
	if e := m.Event; e != nil {
		s += fmt.Sprintf(" %s, badge %#x,", eventNames[e.Kind], e.Badge)
		switch e.Kind {
		case ipc.EventFault:
			s += fmt.Sprintf(" at %#x access %d class %d", e.Address, e.Access, e.Class)
		case ipc.EventException:
			s += fmt.Sprintf(" vector %d code %#x", e.Vector, e.Error)
		case ipc.EventNotify:
			s += fmt.Sprintf(" bits %#x", e.Bits)
		}
	}
	if r := m.Reply; r != nil {
		s += fmt.Sprintf(" %s, mask %#x, class %d", actionNames[r.Action], r.Mask, r.Class)
	}
	if m.Kind == MessageNotify {
		s += fmt.Sprintf(" bits %#x", m.Bits)
	}
	if m.Bytes != nil {
		s += fmt.Sprintf(" %d bytes", len(m.Bytes))
	}
	return s
}

// Digest hashes every message from now on. Two runs that behave the same have the
// same digest.
type Digest struct {
	h hash.Hash64
	n uint64
}

// Digest starts a digest of all messages.
func (k *Kernel) Digest() *Digest {
	d := &Digest{h: fnv.New64a()}
	k.Tap(d.add)
	return d
}

// Sum is the hash so far, and how many messages went in.
func (d *Digest) Sum() (hash, messages uint64) { return d.h.Sum64(), d.n }

func (d *Digest) add(m Message) {
	d.n++
	var b [160]byte
	w := b[:0]
	word := func(v uint64) { w = binary.LittleEndian.AppendUint64(w, v) }
	word(uint64(m.Kind))
	word(uint64(m.Time))
	word(uint64(m.Thread))
	word(m.Bits)
	if e := m.Event; e != nil {
		word(uint64(e.Kind) | uint64(e.Vector)<<16 | uint64(e.Access)<<32 | uint64(e.Class)<<40)
		word(e.Badge)
		word(e.Token.Sequence)
		word(e.Address)
		word(e.Error)
		word(e.Bits)
		word(uint64(e.Length))
	}
	if r := m.Reply; r != nil {
		word(uint64(r.Action) | uint64(r.Mask)<<16 | uint64(r.Class)<<32)
	}
	d.h.Write(w)
	d.h.Write([]byte(m.Server.name))
	d.h.Write(m.Bytes)
}
