package sim

import "starling/ipc"

// endpoint is where events of threads, calls, notifications and one timer meet.
// One server receives.
type endpoint struct {
	k         *Kernel
	receivers int        // capabilities that can receive
	receiver  *Transport // the server that made it, or last waited there: its replies count
	handler   Handler    // what is handed its events, when served
	queue     []*Thread  // threads with an event not yet received, oldest first
	bits      uint64
	deadline  int64 // 0 is none
	fired     bool
	since     uint64 // order number of the oldest thing pending
}

// gone is never true: an endpoint without receivers refuses calls and takes
// notifications to nowhere.
func (ep *endpoint) gone() bool { return false }

func (ep *endpoint) pending() bool { return ep.fired || ep.bits != 0 || len(ep.queue) > 0 }

// stamp remembers when the endpoint got something to do; call before adding it.
func (ep *endpoint) stamp() {
	if !ep.pending() {
		ep.k.order++
		ep.since = ep.k.order
	}
}

func (ep *endpoint) push(t *Thread) {
	ep.stamp()
	ep.queue = append(ep.queue, t)
	t.at, t.state = ep, queued
}

func (ep *endpoint) drop(t *Thread) {
	for i, q := range ep.queue {
		if q == t {
			ep.queue = append(ep.queue[:i], ep.queue[i+1:]...)
			return
		}
	}
}

// take moves the next pending thing into ev: notifications, then the timer, then
// threads in order.
func (ep *endpoint) take(ev *ipc.Event) *Thread {
	*ev = ipc.Event{Time: ep.k.now}
	switch {
	case ep.bits != 0:
		ev.Kind, ev.Bits = ipc.EventNotify, ep.bits
		ep.bits = 0
	case ep.fired:
		ep.fired = false
		ev.Kind = ipc.EventTimer
	default:
		t := ep.queue[0]
		copy(ep.queue, ep.queue[1:])
		ep.queue = ep.queue[:len(ep.queue)-1]
		t.state = waiting // at stays: whoever received there may answer
		*ev = t.event
		ev.Time = ep.k.now
		return t
	}
	return nil
}

// dropReceiver counts capabilities that can receive. Without one, calls fail, and
// events have nowhere to go.
func (k *Kernel) dropReceiver(ep *endpoint) {
	if ep.receivers--; ep.receivers > 0 {
		return
	}
	for _, t := range k.threads {
		if t != nil && t.at == ep && t.server != nil {
			t.answer(0, nil, ipc.ErrGone)
		}
	}
	for _, t := range ep.queue {
		if t.server == nil {
			t.state, t.at = stuck, nil
		}
	}
	ep.queue, ep.handler = nil, nil
	ep.bits, ep.deadline, ep.fired = 0, 0, false
	for i, e := range k.endpoints {
		if e == ep {
			k.endpoints = append(k.endpoints[:i], k.endpoints[i+1:]...)
			break
		}
	}
	k.pool.endpointRoom++
}

// EndpointCreate implements ipc.Transport.
func (tr *Transport) EndpointCreate() (ipc.Handle, error) {
	tr.enter()
	if err := tr.k.pool.takeEndpoint(); err != nil {
		return 0, err
	}
	ep := &endpoint{k: tr.k, receiver: tr, receivers: 1}
	h, err := tr.caps.put(capability{kind: kindEndpoint, receive: true, object: ep})
	if err != nil {
		tr.k.pool.endpointRoom++
		return 0, err
	}
	tr.k.endpoints = append(tr.k.endpoints, ep)
	return h, nil
}

// EndpointMint implements ipc.Transport.
func (tr *Transport) EndpointMint(h ipc.Handle, badge uint64) (ipc.Handle, error) {
	tr.enter()
	ep, err := tr.receiving(h)
	if err != nil {
		return 0, err
	}
	return tr.caps.put(capability{kind: kindEndpoint, badge: badge, object: ep})
}

func (tr *Transport) receiving(h ipc.Handle) (*endpoint, error) {
	ep, c, err := find[*endpoint](tr, h, kindEndpoint)
	if err != nil {
		return nil, err
	}
	if !c.receive {
		return nil, ipc.ErrCapability
	}
	return ep, nil
}

// Notify implements ipc.Transport.
func (tr *Transport) Notify(h ipc.Handle, bits uint64) error {
	tr.enter()
	ep, _, err := find[*endpoint](tr, h, kindEndpoint)
	if err != nil {
		return err
	}
	tr.k.tapNotify(tr, ep, bits)
	if tr.k.lab != nil && tr.k.lab.notify(tr, ep, bits) {
		return nil
	}
	tr.k.notify(ep, bits)
	return nil
}

func (k *Kernel) notify(ep *endpoint, bits uint64) {
	if bits != 0 && ep.receivers > 0 {
		ep.stamp()
		ep.bits |= bits
	}
}

// TimerSet implements ipc.Transport.
func (tr *Transport) TimerSet(h ipc.Handle, deadline int64) error {
	tr.enter()
	ep, err := tr.receiving(h)
	if err != nil {
		return err
	}
	ep.deadline = max(deadline, 0)
	ep.fired = false
	return nil
}
