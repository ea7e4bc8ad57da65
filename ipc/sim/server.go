package sim

import (
	"fmt"
	"iter"

	"starling/ipc"
	"starling/ipc/envelope"
)

// Handler is a server as a state machine: it is handed one event at a time.
type Handler interface {
	Handle(ev *ipc.Event)
}

// HandlerFunc makes a function a Handler.
type HandlerFunc func(ev *ipc.Event)

// Handle calls f.
func (f HandlerFunc) Handle(ev *ipc.Event) { f(ev) }

// Transport is one simulated server's end: its capabilities, message buffer and
// thread. It implements ipc.Transport.
type Transport struct {
	k        *Kernel
	name     string
	thread   *Thread
	caps     table
	buffer   [ipc.MessageSize]byte
	message  [ipc.MessageSize]byte // a call on its way, or the answer on its way back
	length   int
	carried  *capability // capability that travels with the message
	carrying capability
	busy     bool // inside Handle
	post     envelope.Post
	handled  uint64
	priority uint8
}

var _ ipc.Transport = (*Transport)(nil)

// Server makes a server with an empty capability table, at priority 1.
func (k *Kernel) Server(name string) *Transport {
	t, err := k.newThread()
	if err != nil {
		k.fail("server %s: %v", name, err)
	}
	t.state = serving
	t.server = k.newServer(name, t)
	return t.server
}

func (k *Kernel) newServer(name string, t *Thread) *Transport {
	tr := &Transport{k: k, name: name, thread: t, priority: 1}
	tr.caps = table{slots: make([]capability, 1, 64), limit: k.cfg.Capabilities, pool: &k.pool}
	k.servers = append(k.servers, tr)
	return tr
}

// Name is the name the harness gave the server.
func (tr *Transport) Name() string { return tr.name }

// Kernel is the machine the server runs on.
func (tr *Transport) Kernel() *Kernel { return tr.k }

// SetPriority places the server among the others: 0 is served before 1.
func (tr *Transport) SetPriority(p uint8) { tr.priority = p }

// ServerCap puts the capability of another server's thread into the table: what root has of its children.
func (tr *Transport) ServerCap(of *Transport) ipc.Handle {
	return tr.own(capability{kind: kindThread, object: of.thread})
}

// Serve hands every event of an endpoint to h from now on. Serving anew replaces
// the handler: a swap.
func (tr *Transport) Serve(endpoint ipc.Handle, h Handler) {
	ep, err := tr.receiving(endpoint)
	if err != nil {
		tr.k.fail("%s serves endpoint %d: %v", tr.name, endpoint, err)
	}
	ep.handler, ep.receiver = h, tr
}

// destroyServer ends what a server was for others: its calls are answered with an
// error, its endpoints have a receiver less. Traps it has not answered stay.
func (k *Kernel) destroyServer(tr *Transport) {
	for _, t := range k.threads {
		if t != nil && t.server != nil && t.state == waiting && t.at.receiver == tr {
			t.answer(0, nil, ipc.ErrGone)
		}
	}
	for _, ep := range k.endpoints {
		if ep.receiver == tr {
			ep.handler = nil
		}
	}
	for h := range tr.caps.slots {
		tr.drop(&tr.caps.slots[h])
	}
	k.pool.free += tr.caps.pages()
	tr.caps.slots = tr.caps.slots[:1]
	tr.caps.slots[0] = capability{}
}

// Main runs a server that has its own loop around Wait. It runs until its first
// Wait that has nothing to give, and goes on whenever there is something.
func (tr *Transport) Main(main func(ipc.Transport)) {
	l := &loop{Transport: tr}
	l.next, l.stop = iter.Pull(func(yield func(struct{}) bool) {
		l.yield = yield
		main(l)
	})
	l.next()
}

// loop is the Transport of a server with its own loop.
type loop struct {
	*Transport
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	event ipc.Event
}

// Handle lets the loop go on with the event.
func (l *loop) Handle(ev *ipc.Event) {
	l.event = *ev
	l.next()
}

// Wait implements ipc.Transport.
func (l *loop) Wait(endpoint ipc.Handle, ev *ipc.Event) error {
	l.enter()
	ep, err := l.receiving(endpoint)
	if err != nil {
		return err
	}
	ep.handler, ep.receiver = l, l.Transport
	l.yield(struct{}{})
	// Only one of several endpoints is waited at: the others keep their events.
	ep.handler = nil
	*ev = l.event
	return nil
}

// startServer starts a server thread the way root does, if the harness said
// with OnStart what runs at that address.
func (k *Kernel) startServer(t *Thread, ip, sp uint64) error {
	for _, im := range k.images {
		if im.server != nil && im.entry == ip {
			t.state = serving
			t.server.name = im.Name
			t.server.Main(im.server)
			return nil
		}
	}
	k.fail("no server program at %#x", ip)
	return nil
}

// enter counts a kernel call.
func (tr *Transport) enter() { tr.k.stats.Kernel++ }

// Buffer implements ipc.Transport.
func (tr *Transport) Buffer() []byte { return tr.buffer[:] }

// Now implements ipc.Transport.
func (tr *Transport) Now() int64 { return tr.k.now }

// Log implements ipc.Transport.
func (tr *Transport) Log(s string) {
	tr.enter()
	tr.k.console = fmt.Appendf(tr.k.console, "%s: %s\n", tr.name, s)
}

// Shutdown implements ipc.Transport.
func (tr *Transport) Shutdown(machine ipc.Handle, code int) error {
	tr.enter()
	c, err := tr.caps.at(machine)
	if err != nil {
		return err
	}
	if c.kind != kindMachine {
		return ipc.ErrCapability
	}
	tr.k.off, tr.k.status = true, code
	return nil
}

// Wait implements ipc.Transport for a server without Handler: the rest of the machine runs until
// there is an event.
func (tr *Transport) Wait(endpoint ipc.Handle, ev *ipc.Event) error {
	tr.enter()
	ep, err := tr.receiving(endpoint)
	if err != nil {
		return err
	}
	if ep.handler != nil {
		tr.k.fail("%s waits at an endpoint that has a handler", tr.name)
	}
	ep.receiver = tr
	for {
		for !ep.pending() {
			if !tr.k.Step() {
				tr.k.fail("%s waits for ever: nothing else can happen", tr.name)
			}
		}
		if tr.k.receive(tr, ep, ev) {
			return nil
		}
	}
}

// Call implements ipc.Transport.
func (tr *Transport) Call(h ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error) {
	if tr.k.lab == nil && !tr.post.Sends(h) { // with the kernel's own injector all wires are tapped
		return tr.CallOnce(h, n, cap)
	}
	return tr.post.Call(tr, tr.buffer[:], h, n, cap)
}

// Tap makes calls over a wire, and calls of the clients with a badge, travel in envelopes from now on. 0 is none.
func (tr *Transport) Tap(wire ipc.Handle, badge uint64) { tr.post.Tap(wire, badge) }

// Forget implements envelope.Caller.
func (tr *Transport) Forget(h ipc.Handle) {
	if h != 0 {
		tr.CapDelete(h)
	}
}

// CallOnce is a call as the kernel makes it. The callee runs inside: calls nest downwards only.
func (tr *Transport) CallOnce(h ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error) {
	tr.enter()
	k := tr.k
	ep, c, err := find[*endpoint](tr, h, kindEndpoint)
	if err != nil {
		return 0, 0, err
	}
	if ep.receivers == 0 {
		return 0, 0, ipc.ErrGone
	}
	if n < 0 || n > ipc.MessageSize {
		return 0, 0, ipc.ErrTruncated
	}
	tr.carried = nil
	if cap != 0 {
		given, err := tr.caps.at(cap)
		if err != nil {
			return 0, 0, err
		}
		tr.carrying = *given
		tr.carried = &tr.carrying
	}
	k.checkCall(tr, ep)
	k.stats.Calls++
	k.stats.Switches += 2
	tr.length = copy(tr.message[:], tr.buffer[:n])
	k.tapCall(tr, ep, tr.buffer[:n])
	length, got := 0, ipc.Handle(0)
	if k.lab != nil {
		length, got, err = k.lab.call(tr, ep, c.badge)
	} else {
		length, got, err = tr.exchange(ep, c.badge)
	}
	if err != nil {
		return 0, 0, err
	}
	copy(tr.buffer[:], tr.message[:length])
	k.tapAnswer(tr, ep, tr.buffer[:length])
	return length, got, nil
}

// exchange moves the message in tr.message to the server that gets the calls of ep and its answer back there.
func (tr *Transport) exchange(ep *endpoint, badge uint64) (int, ipc.Handle, error) {
	k, t := tr.k, tr.thread
	t.sequence++
	t.event = ipc.Event{Kind: ipc.EventMessage, Badge: badge, Token: t.Token(), Length: uint32(tr.length)}
	t.reply = reply{}
	ep.push(t)
	k.nesting = append(k.nesting, tr)
	for !t.reply.done {
		if ep.pending() {
			k.deliver(ep)
		} else if !k.idleJump(ep) {
			k.fail("%s called %s, which did not answer and waits for nothing", tr.name, ep.receiver.name)
		}
	}
	k.nesting = k.nesting[:len(k.nesting)-1]
	t.state = serving
	return t.reply.length, t.reply.cap, t.reply.err
}

// checkCall fails on what would hang the machine.
func (k *Kernel) checkCall(tr *Transport, ep *endpoint) {
	if ep.handler == nil {
		k.fail("%s calls %s, which serves nobody there", tr.name, ep.receiver.name)
	}
	if ep.receiver == tr || ep.receiver.busy {
		chain := ""
		for _, c := range k.nesting {
			chain += c.name + " -> "
		}
		k.fail("cycle of calls: %s%s -> %s", chain, tr.name, ep.receiver.name)
	}
}

// Answer implements ipc.Transport.
func (tr *Transport) Answer(tok ipc.Token, n int, cap ipc.Handle) error {
	tr.enter()
	if n >= 0 {
		n = tr.post.Close(tr.buffer[:], n, tok, cap)
	}
	return tr.answerOnce(tok, n, cap)
}

// ReplyOnce is a reply at once, with its status: as every reply here.
func (tr *Transport) ReplyOnce(r ipc.Reply) error { return tr.Reply(r) }

// answerOnce is an answer as the kernel moves it.
func (tr *Transport) answerOnce(tok ipc.Token, n int, cap ipc.Handle) error {
	t, err := tr.parked(tok)
	if err != nil {
		return err
	}
	if t.server == nil || t.event.Kind != ipc.EventMessage {
		return ipc.ErrState
	}
	if n < 0 || n > ipc.MessageSize {
		return ipc.ErrTruncated
	}
	var c *capability
	if cap != 0 {
		if c, err = tr.caps.at(cap); err != nil {
			return err
		}
	}
	copy(t.server.message[:], tr.buffer[:n])
	t.answer(n, c, nil)
	return nil
}

// answer ends the call of a server thread. A capability that does not fit
// in the caller's table does not arrive.
func (t *Thread) answer(n int, c *capability, err error) {
	t.reply = reply{done: true, length: n, err: err}
	t.state, t.at = serving, nil
	if c != nil {
		t.reply.cap, _ = t.server.caps.share(*c)
	}
}
