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
	n := t.Number()
	if n == 0 || n >= callnum.Count {
		return k.finish(t, ipc.ErrInvalid)
	}
	row := &calls[n]
	switch {
	case n == callnum.Call:
		return k.callCall(t)
	case row.run == nil:
		return k.callWait(t, n)
	}
	var c *capability
	if row.needs != capNone {
		var err ipc.Error
		if c, err = k.find(t, t.Argument(0), row.needs, row.rights); err != 0 {
			return k.finish(t, err)
		}
	}
	return k.finish(t, row.run(k, t, c))
}

// finish sets the status of a call and goes on with the caller.
func (k *kernel) finish(t *thread, err ipc.Error) *thread {
	t.SetStatus(int64(err))
	return k.prefer(t)
}

// calls are the calls that return to their caller: the capability that argument 0
// must name, which run gets, and the rights that it must have. run sets results itself
// and returns the status.
var calls = [callnum.Count]struct {
	needs  capKind
	rights uint8
	run    func(*kernel, *thread, *capability) ipc.Error
}{
	callnum.Notify:         {capEndpoint, rightSend | rightReceive, (*kernel).callNotify},
	callnum.TimerSet:       {capEndpoint, rightReceive, (*kernel).callTimerSet},
	callnum.EndpointCreate: {capNone, 0, (*kernel).callEndpointCreate},
	callnum.EndpointMint:   {capEndpoint, rightReceive, (*kernel).callEndpointMint},
	callnum.CapCopy:        {capThread, 0, (*kernel).callCapCopy},
	callnum.CapDelete:      {capNone, 0, (*kernel).callCapDelete},
	callnum.SpaceCreate:    {capNone, 0, (*kernel).callSpaceCreate},
	callnum.SpaceDestroy:   {capSpace, 0, (*kernel).callSpaceDestroy},
	callnum.Map:            {capSpace, 0, (*kernel).callMap},
	callnum.MapRange:       {capSpace, 0, (*kernel).callMapRange},
	callnum.Unmap:          {capSpace, 0, (*kernel).callUnmap},
	callnum.Protect:        {capSpace, 0, (*kernel).callProtect},
	callnum.MemorySplit:    {capMemory, 0, (*kernel).callMemorySplit},
	callnum.MemoryInfo:     {capMemory, 0, (*kernel).callMemoryInfo},
	callnum.MemoryGrant:    {capMemory, 0, (*kernel).callMemoryGrant},
	callnum.ThreadCreate:   {capNone, 0, (*kernel).callThreadCreate},
	callnum.ThreadStart:    {capThread, 0, (*kernel).callThreadStart},
	callnum.ThreadDestroy:  {capThread, 0, (*kernel).callThreadDestroy},
	callnum.ThreadRecall:   {capThread, 0, (*kernel).callThreadRecall},
	callnum.ThreadSetSpace: {capThread, 0, (*kernel).callThreadSetSpace},
	callnum.ThreadSync:     {capThread, 0, (*kernel).callThreadSync},
	callnum.InterruptMint:  {capInterrupts, 0, (*kernel).callInterruptMint},
	callnum.InterruptBind:  {capInterrupt, 0, (*kernel).callInterruptBind},
	callnum.InterruptAck:   {capInterrupt, 0, (*kernel).callInterruptAck},
	callnum.PortIn:         {capPorts, 0, (*kernel).callPortIn},
	callnum.PortOut:        {capPorts, 0, (*kernel).callPortOut},
	callnum.PortOutString:  {capPorts, 0, (*kernel).callPortOutString},
	callnum.Log:            {capNone, 0, (*kernel).callLog},
	callnum.Counter:        {capNone, 0, (*kernel).callCounter},
	callnum.Shutdown:       {capMachine, 0, (*kernel).callShutdown},
	callnum.EventSync:      {capNone, 0, (*kernel).callEventSync},
}

// pointer is the object of a capability.
func pointer[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

// maskAll are the register groups that exist; they are numbered alike here and in
// arch (asserted by a test).
const maskAll = ipc.Mask(cpu.GroupAll)

func cpuGroup(m ipc.Mask) cpu.Group { return cpu.Group(m) }

func (k *kernel) callNotify(t *thread, c *capability) ipc.Error {
	k.notify(c.endpoint(), t.Argument(1))
	return 0
}

func (k *kernel) callTimerSet(t *thread, c *capability) ipc.Error {
	k.setDeadline(c.endpoint(), max(int64(t.Argument(1)), 0))
	return 0
}

func (k *kernel) callEndpointCreate(t *thread, c *capability) ipc.Error {
	e := k.endpoints.take(&k.pool)
	if e == nil {
		return ipc.ErrMemory
	}
	*e = endpoint{header: header{refs: 1}, receivers: 1, deadline: never}
	return k.give(t, capability{kind: capEndpoint, rights: rightReceive | rightSend, object: pointer(e)})
}

func (k *kernel) callEndpointMint(t *thread, c *capability) ipc.Error {
	c.endpoint().refs++
	return k.give(t, capability{kind: capEndpoint, rights: rightSend, badge: t.Argument(1), object: c.object})
}

func (k *kernel) callCapCopy(t *thread, c *capability) ipc.Error {
	to := k.threads.find(c.badge)
	original := t.server.find(t.Argument(1))
	if to.server == nil || original.kind == capNone {
		return ipc.ErrCapability
	}
	return k.giveTo(t, to.server, copyCapability(original))
}

func (k *kernel) callCapDelete(t *thread, c *capability) ipc.Error {
	h := t.Argument(0)
	if t.server.find(h).kind == capNone {
		return ipc.ErrCapability
	}
	k.remove(t, ipc.Handle(h))
	return 0
}

// destination is the endpoint that a new thread's events go to; 0 names none.
func (k *kernel) destination(t *thread, h ipc.Handle) (*endpoint, ipc.Error) {
	if h == 0 {
		return nil, 0
	}
	c, err := k.find(t, uint64(h), capEndpoint, rightSend|rightReceive)
	if err != 0 {
		return nil, err
	}
	return c.endpoint(), 0
}

// use counts a reference; e may be nil.
func (e *endpoint) use() *endpoint {
	if e != nil {
		e.refs++
	}
	return e
}

func (k *kernel) callThreadCreate(t *thread, c *capability) ipc.Error {
	spec := *(*ipc.ThreadSpec)(pointer(t.server.buffer))
	in, err := k.find(t, uint64(spec.Space), capSpace, 0)
	if err != 0 {
		return err
	}
	page, err := k.find(t, uint64(spec.FrameMemory), capMemory, 0)
	if err != 0 {
		return err
	}
	faultTo, err := k.destination(t, spec.FaultEndpoint)
	if err != 0 {
		return err
	}
	trapTo, err := k.destination(t, spec.TrapEndpoint)
	if err != 0 {
		return err
	}
	m := page.memory()
	if spec.Kind > ipc.Server || spec.Priority >= priorities || spec.Kind == ipc.Server && spec.Priority == priorities-1 || spec.FrameOffset%cpu.PageSize != 0 ||
		spec.FrameOffset/cpu.PageSize >= m.pages || m.device {
		return ipc.ErrInvalid
	}
	made, err := k.makeThread(in.space(), spec.Kind, spec.Priority, m.base+spec.FrameOffset)
	if err != 0 {
		return err
	}
	m.mapped = true
	if trapTo != nil && spec.Kind == ipc.Program && spec.Priority == priorities-1 {
		made.Gate, made.GateBadge = &trapTo.Gate, spec.TrapBadge
		if faultTo != nil {
			made.FaultGate = &faultTo.Gate
		}
	}
	made.faultTo, made.FaultBadge = faultTo.use(), spec.FaultBadge
	made.trapTo, made.trapBadge = trapTo.use(), spec.TrapBadge
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
	made.priority, made.bit = priority, 1<<priority
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

func (k *kernel) callThreadStart(t *thread, c *capability) ipc.Error {
	to := k.threads.find(c.badge)
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
	k.makeReady(to)
	return 0
}

func (k *kernel) callThreadDestroy(t *thread, c *capability) ipc.Error {
	to := k.threads.find(c.badge)
	if to == t {
		return ipc.ErrState
	}
	k.destroyThread(to)
	return 0
}

func (k *kernel) callThreadRecall(t *thread, c *capability) ipc.Error {
	to := k.threads.find(c.badge)
	if to.Frame == nil {
		return ipc.ErrInvalid
	}
	to.Recalled = true
	to.Long()
	return 0
}

func (k *kernel) callThreadSetSpace(t *thread, c *capability) ipc.Error {
	to := k.threads.find(c.badge)
	into, err := k.find(t, t.Argument(1), capSpace, 0)
	if err != 0 {
		return err
	}
	if to.Frame == nil || to.State == cpu.StateReady {
		return ipc.ErrState
	}
	old := to.space
	to.setSpace(into.space())
	to.FaultBadge = t.Argument(2)
	k.dropSpace(old)
	return 0
}

func (k *kernel) callThreadSync(t *thread, c *capability) ipc.Error {
	to := k.threads.find(c.badge)
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

func (k *kernel) callEventSync(t *thread, c *capability) ipc.Error {
	to, err := k.answered(t, t.Argument(1), t.Argument(2))
	mask := t.Argument(0)
	if err == 0 && (mask > uint64(maskAll) || to.Frame == nil) {
		err = ipc.ErrInvalid
	}
	if err == 0 {
		to.Sync(to.Frame, cpuGroup(ipc.Mask(mask)))
	}
	return err
}

func (k *kernel) callLog(t *thread, c *capability) ipc.Error {
	n := t.Argument(0)
	if n > callnum.LogBytes {
		return ipc.ErrInvalid
	}
	for i := range n {
		cpu.ConsoleWrite(byte(t.Argument(1+int(i/8)) >> (8 * (i % 8))))
	}
	return 0
}

func (k *kernel) callCounter(t *thread, c *capability) ipc.Error {
	switches, short := cpu.Counts()
	values := [callnum.CounterCount]uint64{
		callnum.CounterKernelFree:  k.pool.count,
		callnum.CounterSpaceSwitch: switches,
		callnum.CounterTraps:       k.traps + short,
		callnum.CounterInterrupts:  k.interrupts,
		callnum.CounterIdle:        uint64(k.idle),
	}
	i := t.Argument(0)
	if i >= callnum.CounterCount {
		return ipc.ErrInvalid
	}
	if i == callnum.CounterAllocations { // asking the runtime takes long
		values[i] = k.mallocs() - k.mallocsAtStart
	}
	t.SetResults(0, values[i], 0)
	return 0
}

func (k *kernel) callShutdown(t *thread, c *capability) ipc.Error {
	cpu.Exit(uint32(t.Argument(1)))
	return 0
}
