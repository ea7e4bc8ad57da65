package microkernel

import (
	"unsafe"

	"starling/arch/cpu"
	"starling/ipc"
	"starling/ipc/callnum"
	"starling/ipc/frame"
)

// kernelCall does the call of a server.
func (k *kernel) kernelCall(t *thread) *thread {
	if n := t.Number(); n < callnum.Count {
		if f := switching[n]; f != nil {
			return f(k, t)
		}
		if f := simple[n]; f != nil {
			return k.finish(t, f(k, t))
		}
	}
	return k.finish(t, ipc.ErrInvalid)
}

// finish sets the status of a call and goes on with the caller.
func (k *kernel) finish(t *thread, err ipc.Error) *thread {
	t.SetStatus(int64(err))
	return k.after(t)
}

// switching are the calls after which another thread may run.
var switching = [callnum.Count]func(*kernel, *thread) *thread{
	callnum.Wait:       (*kernel).callWait,
	callnum.Reply:      (*kernel).callReply,
	callnum.ReplyWait:  (*kernel).callReplyWait,
	callnum.Call:       (*kernel).callCall,
	callnum.Answer:     (*kernel).callAnswer,
	callnum.AnswerWait: (*kernel).callAnswerWait,
}

// simple are the calls that return to their caller. They set results themselves and
// return the status.
var simple = [callnum.Count]func(*kernel, *thread) ipc.Error{
	callnum.Notify:         (*kernel).callNotify,
	callnum.TimerSet:       (*kernel).callTimerSet,
	callnum.EndpointCreate: (*kernel).callEndpointCreate,
	callnum.EndpointMint:   (*kernel).callEndpointMint,
	callnum.CapCopy:        (*kernel).callCapCopy,
	callnum.CapDelete:      (*kernel).callCapDelete,
	callnum.SpaceCreate:    (*kernel).callSpaceCreate,
	callnum.SpaceDestroy:   (*kernel).callSpaceDestroy,
	callnum.Map:            (*kernel).callMap,
	callnum.MapRange:       (*kernel).callMapRange,
	callnum.Unmap:          (*kernel).callUnmap,
	callnum.Protect:        (*kernel).callProtect,
	callnum.MemorySplit:    (*kernel).callMemorySplit,
	callnum.MemoryInfo:     (*kernel).callMemoryInfo,
	callnum.MemoryGrant:    (*kernel).callMemoryGrant,
	callnum.ThreadCreate:   (*kernel).callThreadCreate,
	callnum.ThreadStart:    (*kernel).callThreadStart,
	callnum.ThreadDestroy:  (*kernel).callThreadDestroy,
	callnum.ThreadRecall:   (*kernel).callThreadRecall,
	callnum.ThreadSetSpace: (*kernel).callThreadSetSpace,
	callnum.ThreadSync:     (*kernel).callThreadSync,
	callnum.InterruptMint:  (*kernel).callInterruptMint,
	callnum.InterruptBind:  (*kernel).callInterruptBind,
	callnum.InterruptAck:   (*kernel).callInterruptAck,
	callnum.PortIn:         (*kernel).callPortIn,
	callnum.PortOut:        (*kernel).callPortOut,
	callnum.PortOutString:  (*kernel).callPortOutString,
	callnum.Log:            (*kernel).callLog,
	callnum.Counter:        (*kernel).callCounter,
	callnum.Shutdown:       (*kernel).callShutdown,
}

// pointer is the object of a capability.
func pointer[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

// maskAll are the register groups that exist; they are numbered alike here and in
// arch (asserted by a test).
const maskAll = ipc.Mask(cpu.GroupAll)

func cpuGroup(m ipc.Mask) cpu.Group { return cpu.Group(m) }

func (k *kernel) callNotify(t *thread) ipc.Error {
	e, _, err := findEndpoint(t, t.Argument(0), rightSend|rightReceive)
	if err == 0 {
		k.notify(e, t.Argument(1))
	}
	return err
}

func (k *kernel) callTimerSet(t *thread) ipc.Error {
	e, _, err := findEndpoint(t, t.Argument(0), rightReceive)
	if err == 0 {
		k.setDeadline(e, max(int64(t.Argument(1)), 0))
	}
	return err
}

func (k *kernel) callEndpointCreate(t *thread) ipc.Error {
	e := k.endpoints.take(&k.pool)
	if e == nil {
		return ipc.ErrMemory
	}
	*e = endpoint{header: header{refs: 1}, receivers: 1, deadline: never}
	return k.give(t, capability{kind: capEndpoint, rights: rightReceive | rightSend, object: pointer(e)})
}

func (k *kernel) callEndpointMint(t *thread) ipc.Error {
	e, _, err := findEndpoint(t, t.Argument(0), rightReceive)
	if err != 0 {
		return err
	}
	e.refs++
	return k.give(t, capability{kind: capEndpoint, rights: rightSend, badge: t.Argument(1), object: pointer(e)})
}

func (k *kernel) callCapCopy(t *thread) ipc.Error {
	to, err := k.findThread(t, t.Argument(0))
	if err != 0 {
		return err
	}
	c := t.server.find(t.Argument(1))
	if to.server == nil || c.kind == capNone {
		return ipc.ErrCapability
	}
	copied := copyCapability(c)
	h, err := k.insert(to.server, copied)
	if err != 0 {
		k.dropCapability(&copied)
		return err
	}
	t.SetResults(0, uint64(h), 0)
	return 0
}

func (k *kernel) callCapDelete(t *thread) ipc.Error {
	h := t.Argument(0)
	if t.server.find(h).kind == capNone {
		return ipc.ErrCapability
	}
	k.remove(t, ipc.Handle(h))
	return 0
}

// destination is the endpoint that a new thread's events go to; 0 names none.
func destination(t *thread, h ipc.Handle) (*endpoint, ipc.Error) {
	if h == 0 {
		return nil, 0
	}
	e, _, err := findEndpoint(t, uint64(h), rightSend|rightReceive)
	return e, err
}

func (k *kernel) callThreadCreate(t *thread) ipc.Error {
	spec := *(*ipc.ThreadSpec)(pointer(t.server.buffer))
	sp, err := findSpace(t, uint64(spec.Space))
	if err != 0 {
		return err
	}
	m, err := findMemory(t, uint64(spec.FrameMemory))
	if err != 0 {
		return err
	}
	faultTo, err := destination(t, spec.FaultEndpoint)
	if err != 0 {
		return err
	}
	trapTo, err := destination(t, spec.TrapEndpoint)
	if err != 0 {
		return err
	}
	if spec.Kind > ipc.Server || spec.Priority >= priorities || spec.Kind == ipc.Server && spec.Priority == priorities-1 || spec.FrameOffset%cpu.PageSize != 0 ||
		spec.FrameOffset/cpu.PageSize >= m.pages || m.device {
		return ipc.ErrInvalid
	}
	made, err := k.makeThread(sp, spec.Kind, spec.Priority, m.base+spec.FrameOffset)
	if err != 0 {
		return err
	}
	m.mapped = true
	if trapTo != nil && spec.Kind == ipc.Program && spec.Priority == priorities-1 {
		made.Gate, made.GateBadge = &trapTo.Gate, spec.TrapBadge
	}
	made.faultTo, made.faultBadge = faultTo, spec.FaultBadge
	made.trapTo, made.trapBadge = trapTo, spec.TrapBadge
	for _, e := range [...]*endpoint{faultTo, trapTo} {
		if e != nil {
			e.refs++
		}
	}
	h, err := k.insert(t.server, capability{kind: capThread, badge: made.Name})
	if err != 0 {
		k.destroyThread(made)
		return err
	}
	t.SetResults(0, uint64(h), made.Name)
	return 0
}

// makeThread makes a thread of either kind; page is the physical address of its
// frame or message buffer.
func (k *kernel) makeThread(sp *space, kind ipc.ThreadKind, priority uint8, page uint64) (*thread, ipc.Error) {
	made, err := k.newThread(sp, kind == ipc.Program)
	if err != 0 {
		return nil, err
	}
	made.priority, made.above = priority, 1<<priority-1
	if kind == ipc.Program {
		made.Frame = (*frame.Frame)(cpu.Physical(page))
		return made, 0
	}
	if made.server = k.newServer((*[ipc.MessageSize]byte)(cpu.Physical(page))); made.server == nil {
		k.destroyThread(made)
		return nil, ipc.ErrMemory
	}
	return made, 0
}

func (k *kernel) callThreadStart(t *thread) ipc.Error {
	to, err := k.findThread(t, t.Argument(0))
	if err != 0 {
		return err
	}
	if to.State != cpu.StateNew {
		return ipc.ErrState
	}
	if to.Frame == nil {
		to.SetStart(t.Argument(2), t.Argument(3))
		if to.BadJump() {
			return ipc.ErrInvalid
		}
	} else {
		mask := t.Argument(1)
		if mask > uint64(maskAll) {
			return ipc.ErrInvalid
		}
		to.Take(to.Frame, cpuGroup(ipc.Mask(mask)))
	}
	if woken := k.release(to); woken != nil {
		k.makeReady(woken)
	}
	return 0
}

func (k *kernel) callThreadDestroy(t *thread) ipc.Error {
	to, err := k.findThread(t, t.Argument(0))
	if err != 0 {
		return err
	}
	if to == t {
		return ipc.ErrState
	}
	k.destroyThread(to)
	return 0
}

func (k *kernel) callThreadRecall(t *thread) ipc.Error {
	to, err := k.findThread(t, t.Argument(0))
	if err != 0 {
		return err
	}
	if to.Frame == nil {
		return ipc.ErrInvalid
	}
	to.recalled = true
	to.noShortReply()
	if to.State == cpu.StateReady {
		k.unready(to)
		if woken := k.release(to); woken != nil {
			k.makeReady(woken)
		}
	}
	return 0
}

func (k *kernel) callThreadSetSpace(t *thread) ipc.Error {
	to, err := k.findThread(t, t.Argument(0))
	if err != 0 {
		return err
	}
	sp, err := findSpace(t, t.Argument(1))
	if err != 0 {
		return err
	}
	if to.Frame == nil || to.State == cpu.StateReady {
		return ipc.ErrState
	}
	old := to.space
	to.setSpace(sp)
	to.faultBadge = t.Argument(2)
	k.dropSpace(old)
	return 0
}

func (k *kernel) callThreadSync(t *thread) ipc.Error {
	to, err := k.findThread(t, t.Argument(0))
	if err != 0 {
		return err
	}
	mask := t.Argument(1)
	switch {
	case mask > uint64(maskAll):
		return ipc.ErrInvalid
	case to.State == cpu.StateReady || to.State == cpu.StateWaiting:
		return ipc.ErrState
	}
	f := to.Frame
	if f == nil {
		f = (*frame.Frame)(pointer(t.server.buffer))
	}
	to.Sync(f, cpuGroup(ipc.Mask(mask)))
	return 0
}

func (k *kernel) callLog(t *thread) ipc.Error {
	n := t.Argument(0)
	if n > callnum.LogBytes {
		return ipc.ErrInvalid
	}
	for i := range n {
		cpu.ConsoleWrite(byte(t.Argument(1+int(i/8)) >> (8 * (i % 8))))
	}
	return 0
}

func (k *kernel) callCounter(t *thread) ipc.Error {
	var v uint64
	switch t.Argument(0) {
	case callnum.CounterKernelFree:
		v = k.pool.count
	case callnum.CounterSpaceSwitch:
		v = cpu.SpaceSwitches()
	case callnum.CounterTraps:
		v = k.traps + cpu.ShortTraps()
	case callnum.CounterInterrupts:
		v = k.interrupts
	case callnum.CounterAllocations:
		v = k.mallocs() - k.mallocsAtStart
	case callnum.CounterIdle:
		v = uint64(k.idle)
	default:
		return ipc.ErrInvalid
	}
	t.SetResults(0, v, 0)
	return 0
}

func (k *kernel) callShutdown(t *thread) ipc.Error {
	if _, err := lookup(t, t.Argument(0), capMachine); err != 0 {
		return err
	}
	cpu.Exit(uint32(t.Argument(1)))
	return 0
}
