package sim

import (
	"slices"

	"starling/ipc"
)

// The calls whose results are more than an error or a handle, or that touch
// memory or the message buffer.

// Wait implements ipc.Transport: a recorded server is a Handler and does not wait.
func (r *Recorder) Wait(ipc.Handle, *ipc.Event) error { return ipc.ErrState }

// Wait implements ipc.Transport.
func (r *Replay) Wait(ipc.Handle, *ipc.Event) error { return ipc.ErrState }

// Buffer implements ipc.Transport.
func (r *Replay) Buffer() []byte { return r.buffer[:] }

// Reply implements ipc.Transport. A thread that reports at once gets a new event
// in its frame.
func (r *Recorder) Reply(reply ipc.Reply) error {
	if t, err := r.tr.parked(reply.Token); err == nil && t.frame != nil &&
		(t.recall || reply.Action == ipc.ActionResumeReport || !canonical(t.frame.Regs.IP)) {
		return r.syncing("Reply", arguments(reply), func() error { return r.tr.Reply(reply) })
	}
	err := r.tr.Reply(reply)
	r.did("Reply", arguments(reply), err)
	return err
}

// Reply implements ipc.Transport.
func (r *Replay) Reply(reply ipc.Reply) error {
	if r.at < len(r.log.entries) && r.log.entries[r.at].sync {
		r.check()
	}
	return r.next("Reply", arguments(reply)).err
}

// syncing makes a call in which the kernel may write to a frame.
func (r *Recorder) syncing(name string, args uint64, call func() error) error {
	r.wrote()
	err := call()
	e := r.did(name, args, err)
	e.sync, e.patches = true, r.patches()
	return err
}

// ThreadStart implements ipc.Transport.
func (r *Recorder) ThreadStart(thread ipc.Handle, mask ipc.Mask, ip, sp uint64) error {
	return r.syncing("ThreadStart", arguments(thread, mask, ip, sp), func() error {
		return r.tr.ThreadStart(thread, mask, ip, sp)
	})
}

// ThreadStart implements ipc.Transport.
func (r *Replay) ThreadStart(thread ipc.Handle, mask ipc.Mask, ip, sp uint64) error {
	r.check()
	return r.next("ThreadStart", arguments(thread, mask, ip, sp)).err
}

// ThreadRecall implements ipc.Transport.
func (r *Recorder) ThreadRecall(thread ipc.Handle) error {
	return r.syncing("ThreadRecall", arguments(thread), func() error { return r.tr.ThreadRecall(thread) })
}

// ThreadRecall implements ipc.Transport.
func (r *Replay) ThreadRecall(thread ipc.Handle) error {
	r.check()
	return r.next("ThreadRecall", arguments(thread)).err
}

// Call implements ipc.Transport.
func (r *Recorder) Call(endpoint ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error) {
	args := arguments(endpoint, n, cap, r.tr.buffer[:max(0, min(n, ipc.MessageSize))])
	r.wrote()
	length, h, err := r.tr.Call(endpoint, n, cap)
	e := r.did("Call", args, err, uint64(length), uint64(h))
	e.buffer = slices.Clone(r.tr.buffer[:])
	e.patches = r.patches()
	return length, h, err
}

// Call implements ipc.Transport.
func (r *Replay) Call(endpoint ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error) {
	args := arguments(endpoint, n, cap, r.buffer[:max(0, min(n, ipc.MessageSize))])
	r.check()
	e := r.next("Call", args)
	return int(e.results[0]), ipc.Handle(e.results[1]), e.err
}

// Answer implements ipc.Transport.
func (r *Recorder) Answer(t ipc.Token, n int, cap ipc.Handle) error {
	args := arguments(t, n, cap, r.tr.buffer[:max(0, min(n, ipc.MessageSize))])
	err := r.tr.Answer(t, n, cap)
	r.did("Answer", args, err)
	return err
}

// Answer implements ipc.Transport.
func (r *Replay) Answer(t ipc.Token, n int, cap ipc.Handle) error {
	return r.next("Answer", arguments(t, n, cap, r.buffer[:max(0, min(n, ipc.MessageSize))])).err
}

// ThreadCreate implements ipc.Transport.
func (r *Recorder) ThreadCreate(spec *ipc.ThreadSpec) (ipc.Handle, ipc.Token, error) {
	h, t, err := r.tr.ThreadCreate(spec)
	r.did("ThreadCreate", arguments(*spec), err, uint64(h), uint64(t.Thread), uint64(t.Generation), t.Sequence)
	return h, t, err
}

// ThreadCreate implements ipc.Transport.
func (r *Replay) ThreadCreate(spec *ipc.ThreadSpec) (ipc.Handle, ipc.Token, error) {
	e := r.next("ThreadCreate", arguments(*spec))
	v := e.results
	return ipc.Handle(v[0]), ipc.Token{Thread: uint32(v[1]), Generation: uint32(v[2]), Sequence: v[3]}, e.err
}

// ThreadSync implements ipc.Transport. It writes to the frame.
func (r *Recorder) ThreadSync(thread ipc.Handle, mask ipc.Mask) error {
	return r.syncing("ThreadSync", arguments(thread, mask), func() error { return r.tr.ThreadSync(thread, mask) })
}

// ThreadSync implements ipc.Transport.
func (r *Replay) ThreadSync(thread ipc.Handle, mask ipc.Mask) error {
	r.check()
	return r.next("ThreadSync", arguments(thread, mask)).err
}

// EventSync implements ipc.Transport. It writes to the frame.
func (r *Recorder) EventSync(token ipc.Token, mask ipc.Mask) error {
	return r.syncing("EventSync", arguments(token, mask), func() error { return r.tr.EventSync(token, mask) })
}

// EventSync implements ipc.Transport.
func (r *Replay) EventSync(token ipc.Token, mask ipc.Mask) error {
	r.check()
	return r.next("EventSync", arguments(token, mask)).err
}

// MemoryInfo implements ipc.Transport.
func (r *Recorder) MemoryInfo(memory ipc.Handle) (base, pages uint64, err error) {
	base, pages, err = r.tr.MemoryInfo(memory)
	r.did("MemoryInfo", arguments(memory), err, base, pages)
	return base, pages, err
}

// MemoryInfo implements ipc.Transport.
func (r *Replay) MemoryInfo(memory ipc.Handle) (base, pages uint64, err error) {
	e := r.next("MemoryInfo", arguments(memory))
	return e.results[0], e.results[1], e.err
}

// KernelFree implements ipc.Transport.
func (r *Recorder) KernelFree() uint64 {
	n := r.tr.KernelFree()
	r.did("KernelFree", 0, nil, n)
	return n
}

// KernelFree implements ipc.Transport.
func (r *Replay) KernelFree() uint64 { return r.next("KernelFree", 0).results[0] }

// Now implements ipc.Transport. A server may measure with it and not decide, so
// that it is no input.
func (r *Replay) Now() int64 { return 0 }

// PortIn implements ipc.Transport.
func (r *Recorder) PortIn(ports ipc.Handle, port uint16, size int) (uint32, error) {
	v, err := r.tr.PortIn(ports, port, size)
	r.did("PortIn", arguments(ports, port, size), err, uint64(v))
	return v, err
}

// PortIn implements ipc.Transport.
func (r *Replay) PortIn(ports ipc.Handle, port uint16, size int) (uint32, error) {
	e := r.next("PortIn", arguments(ports, port, size))
	return uint32(e.results[0]), e.err
}

// PortOutString implements ipc.Transport.
func (r *Recorder) PortOutString(ports ipc.Handle, port uint16, n int) error {
	args := arguments(ports, port, n, r.tr.buffer[:max(0, min(n, ipc.MessageSize))])
	err := r.tr.PortOutString(ports, port, n)
	r.did("PortOutString", args, err)
	return err
}

// PortOutString implements ipc.Transport.
func (r *Replay) PortOutString(ports ipc.Handle, port uint16, n int) error {
	return r.next("PortOutString", arguments(ports, port, n, r.buffer[:max(0, min(n, ipc.MessageSize))])).err
}

// Log implements ipc.Transport.
func (r *Recorder) Log(s string) {
	r.tr.Log(s)
	r.did("Log", arguments(s), nil)
}

// Log implements ipc.Transport.
func (r *Replay) Log(s string) { r.next("Log", arguments(s)) }
