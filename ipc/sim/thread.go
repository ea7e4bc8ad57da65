package sim

import (
	"unsafe"

	"starling/ipc"
	"starling/ipc/frame"
)

// threadState says where a thread is. A thread is in one state at a time.
type threadState uint8

const (
	created threadState = iota // made, never started
	ready                      // a program that can run
	queued                     // its event has not been received yet
	waiting                    // its event was received and not answered
	stuck                      // its event has nowhere to go
	serving                    // a server: runs its own loop
	dead
)

// Thread is one thread of the simulated kernel: a program, or the thread of a server.
type Thread struct {
	k          *Kernel
	number     uint32
	generation uint32
	sequence   uint64
	state      threadState
	priority   uint8

	event ipc.Event // the one event that is queued or waiting
	at    *endpoint // where it is queued or was received

	// programs
	space         *space
	frame         *frame.Frame
	framePhys     uint64
	faultEndpoint *endpoint
	trapEndpoint  *endpoint
	faultBadge    uint64
	trapBadge     uint64
	recall        bool  // reports at the next boundary
	userTime      int64 // ns in user mode
	sliceEnd      int64 // when its time slice is over
	budget        int64 // ns left until the slice ends or a deadline comes
	unpaid        int64 // budget when it was last accounted
	regs          frame.Registers
	debug         frame.Debug
	debugStatus   uint64
	fp            [frame.XSaveSize]byte
	activations   []*activation

	// servers
	server *Transport
	reply  reply
}

// reply is the answer a calling server waits for.
type reply struct {
	done   bool
	length int
	cap    ipc.Handle
	err    error
}

func (t *Thread) gone() bool { return t.state == dead }

// Token names the thread's current event.
func (t *Thread) Token() ipc.Token {
	return ipc.Token{Thread: t.number, Generation: t.generation, Sequence: t.sequence}
}

// newThread takes a number and the kernel memory a thread needs.
func (k *Kernel) newThread() (*Thread, error) {
	if len(k.idle) == 0 && len(k.threads) > k.cfg.Threads {
		return nil, ipc.ErrFull
	}
	if err := k.pool.take(1); err != nil {
		return nil, err
	}
	t := &Thread{k: k, generation: 1, event: ipc.Event{Kind: ipc.EventSyscall}} // nothing hit it yet
	if n := len(k.idle); n > 0 {
		t.number = k.idle[n-1]
		k.idle = k.idle[:n-1]
		t.generation = k.threads[t.number].generation + 1
		k.threads[t.number] = t
	} else {
		t.number = uint32(len(k.threads))
		k.threads = append(k.threads, t)
	}
	return t, nil
}

func (k *Kernel) destroyThread(t *Thread) {
	switch t.state {
	case queued:
		t.at.drop(t)
	case ready:
		k.unready(t)
	}
	t.at = nil
	t.state = dead
	t.abandon()
	if t.server != nil {
		k.destroyServer(t.server)
	}
	if t.space != nil {
		delete(t.space.threads, t.number)
	}
	k.idle = append(k.idle, t.number)
	k.pool.free++
}

// ThreadCreate implements ipc.Transport.
func (tr *Transport) ThreadCreate(spec *ipc.ThreadSpec) (ipc.Handle, ipc.Token, error) {
	tr.enter()
	var none ipc.Token
	s, _, err := find[*space](tr, spec.Space, kindSpace)
	if err != nil {
		return 0, none, err
	}
	m, _, err := find[*memory](tr, spec.FrameMemory, kindMemory)
	if err != nil {
		return 0, none, err
	}
	fault, err := tr.handlerEndpoint(spec.FaultEndpoint)
	if err != nil {
		return 0, none, err
	}
	trap, err := tr.handlerEndpoint(spec.TrapEndpoint)
	if err != nil {
		return 0, none, err
	}
	if spec.FrameOffset%ipc.PageSize != 0 || spec.FrameOffset/ipc.PageSize >= m.pages ||
		spec.Priority > 2 || spec.Kind > ipc.Server {
		return 0, none, ipc.ErrInvalid
	}
	t, err := tr.k.newThread()
	if err != nil {
		return 0, none, err
	}
	m.mapped = true // the kernel writes events there: it is no longer secret
	t.space, t.priority = s, spec.Priority
	t.framePhys = m.base + spec.FrameOffset
	t.frame = (*frame.Frame)(unsafe.Pointer(&tr.k.arena[t.framePhys]))
	t.faultEndpoint, t.faultBadge = fault, spec.FaultBadge
	t.trapEndpoint, t.trapBadge = trap, spec.TrapBadge
	t.regs = initialRegisters
	t.fp = initialFP
	if spec.Kind == ipc.Server {
		t.server = tr.k.newServer("", t)
	}
	h, err := tr.caps.put(capability{kind: kindThread, object: t})
	if err != nil {
		tr.k.destroyThread(t)
		return 0, none, err
	}
	s.threads[t.number] = t
	return h, t.Token(), nil
}

// handlerEndpoint finds where a thread's events go; 0 means nowhere.
func (tr *Transport) handlerEndpoint(h ipc.Handle) (*endpoint, error) {
	if h == 0 {
		return nil, nil
	}
	ep, _, err := find[*endpoint](tr, h, kindEndpoint)
	return ep, err
}

// ThreadStart implements ipc.Transport.
func (tr *Transport) ThreadStart(h ipc.Handle, mask ipc.Mask, ip, sp uint64) error {
	tr.enter()
	t, _, err := find[*Thread](tr, h, kindThread)
	if err != nil {
		return err
	}
	if t.state != created {
		return ipc.ErrState
	}
	if t.server != nil {
		return tr.k.startServer(t, ip, sp)
	}
	if mask&^maskAll != 0 {
		return ipc.ErrInvalid
	}
	t.take(mask)
	tr.k.release(t)
	return nil
}

// ThreadDestroy implements ipc.Transport.
func (tr *Transport) ThreadDestroy(h ipc.Handle) error {
	tr.enter()
	t, _, err := find[*Thread](tr, h, kindThread)
	if err != nil {
		return err
	}
	if t == tr.thread {
		return ipc.ErrState
	}
	tr.k.destroyThread(t)
	return nil
}

// ThreadRecall implements ipc.Transport.
func (tr *Transport) ThreadRecall(h ipc.Handle) error {
	tr.enter()
	t, err := tr.program(h)
	if err != nil {
		return err
	}
	t.recall = true
	if t.state == ready {
		tr.k.unready(t)
		tr.k.release(t)
	}
	return nil
}

// ThreadSetSpace implements ipc.Transport.
func (tr *Transport) ThreadSetSpace(h, space_ ipc.Handle, faultBadge uint64) error {
	tr.enter()
	t, err := tr.program(h)
	if err != nil {
		return err
	}
	s, _, err := find[*space](tr, space_, kindSpace)
	if err != nil {
		return err
	}
	if t.state == ready {
		return ipc.ErrState
	}
	t.faultBadge = faultBadge
	if s != t.space {
		delete(t.space.threads, t.number)
		s.threads[t.number] = t
		t.space = s
		t.abandon() // what ran in the old space cannot go on in the new one
	}
	return nil
}

// ThreadSync implements ipc.Transport.
func (tr *Transport) ThreadSync(h ipc.Handle, mask ipc.Mask) error {
	tr.enter()
	t, err := tr.program(h)
	if err != nil {
		return err
	}
	if mask&^maskAll != 0 {
		return ipc.ErrInvalid
	}
	if t.state == ready {
		return ipc.ErrState
	}
	t.put(mask)
	return nil
}

// EventSync implements ipc.Transport.
func (tr *Transport) EventSync(token ipc.Token, mask ipc.Mask) error {
	tr.enter()
	t, err := tr.parked(token)
	if err != nil {
		return err
	}
	if t.server != nil || mask&^maskAll != 0 {
		return ipc.ErrInvalid
	}
	t.put(mask)
	return nil
}

func (tr *Transport) program(h ipc.Handle) (*Thread, error) {
	t, _, err := find[*Thread](tr, h, kindThread)
	if err != nil {
		return nil, err
	}
	if t.server != nil {
		return nil, ipc.ErrInvalid // a simulated server has no registers
	}
	return t, nil
}
