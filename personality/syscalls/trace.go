package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/mm"
	"starling/personality/signal"
	"starling/personality/task"
	"starling/personality/usermem"
)

// ptrace(2). Which thread is held for what, and what it goes on with, is package task's.

// needs says in which state a request wants the thread that it is about.
type needs uint8

const (
	// held by the caller, who traces it.
	held needs = iota
	// traced by the caller, whatever it does.
	traced
	// anybody.
	anybody
	// nobody: the request is about the caller.
	nobody
)

// TraceRequest is one request of ptrace(2).
type TraceRequest struct {
	Number  int32
	Name    string
	Handler func(c *task.Call, t *task.Thread, addr, data uint64) task.Result
	Needs   needs
	Support Support
	Note    string
}

// Requests that x/sys/unix does not name on every architecture.
const (
	ptraceSeccompGetFilter   = 0x420c
	ptraceSeccompGetMetadata = 0x420d
	ptraceGetRseq            = 0x420f
	ptraceSingleBlock        = 33
	ptraceSysemu             = 31
	ptraceSysemuSingleStep   = 32
	ptraceArchPrctl          = 30
	ptraceGetThreadArea      = 25
	ptraceSetThreadArea      = 26
)

// TraceRequests is all requests for the instruction set, by number.
var TraceRequests = []TraceRequest{
	{unix.PTRACE_TRACEME, "PTRACE_TRACEME", traceMe, nobody, Full, ""},
	{unix.PTRACE_PEEKTEXT, "PTRACE_PEEKTEXT", tracePeek, held, Full, ""},
	{unix.PTRACE_PEEKDATA, "PTRACE_PEEKDATA", tracePeek, held, Full, ""},
	{unix.PTRACE_PEEKUSR, "PTRACE_PEEKUSER", tracePeekUser, held, Full, "debug registers too"},
	{unix.PTRACE_POKETEXT, "PTRACE_POKETEXT", tracePoke, held, Full, ""},
	{unix.PTRACE_POKEDATA, "PTRACE_POKEDATA", tracePoke, held, Full, ""},
	{unix.PTRACE_POKEUSR, "PTRACE_POKEUSER", tracePokeUser, held, Full, "debug registers too"},
	{unix.PTRACE_CONT, "PTRACE_CONT", resume(task.ResumeCont), held, Full, ""},
	{unix.PTRACE_KILL, "PTRACE_KILL", traceKill, traced, Full, ""},
	{unix.PTRACE_SINGLESTEP, "PTRACE_SINGLESTEP", resume(task.ResumeStep), held, Full, ""},
	{unix.PTRACE_GETREGS, "PTRACE_GETREGS", getRegs(regsGeneral), held, Full, ""},
	{unix.PTRACE_SETREGS, "PTRACE_SETREGS", setRegs(regsGeneral), held, Full, ""},
	{unix.PTRACE_GETFPREGS, "PTRACE_GETFPREGS", getRegs(regsFP), held, Full, ""},
	{unix.PTRACE_SETFPREGS, "PTRACE_SETFPREGS", setRegs(regsFP), held, Full, ""},
	{unix.PTRACE_ATTACH, "PTRACE_ATTACH", traceAttach, anybody, Full, ""},
	{unix.PTRACE_DETACH, "PTRACE_DETACH", traceDetach, held, Full, ""},
	{unix.PTRACE_SYSCALL, "PTRACE_SYSCALL", resume(task.ResumeCalls), held, Full, ""},
	{ptraceGetThreadArea, "PTRACE_GET_THREAD_AREA", traceRefused, held, Refused, "EIO: no 32-bit programs"},
	{ptraceSetThreadArea, "PTRACE_SET_THREAD_AREA", traceRefused, held, Refused, "EIO: no 32-bit programs"},
	{ptraceArchPrctl, "PTRACE_ARCH_PRCTL", traceArchPrctl, held, Full, ""},
	{ptraceSysemu, "PTRACE_SYSEMU", resume(task.ResumeEmulate), held, Full, ""},
	{ptraceSysemuSingleStep, "PTRACE_SYSEMU_SINGLESTEP", resume(task.ResumeEmulateStep), held, Full, ""},
	{ptraceSingleBlock, "PTRACE_SINGLEBLOCK", traceRefused, held, Refused, "EIO: branch stepping is not offered by the processor model"},
	{unix.PTRACE_OLDSETOPTIONS, "PTRACE_OLDSETOPTIONS", traceSetOptions, held, Full, ""},
	{unix.PTRACE_SETOPTIONS, "PTRACE_SETOPTIONS", traceSetOptions, held, Full, ""},
	{unix.PTRACE_GETEVENTMSG, "PTRACE_GETEVENTMSG", traceEventMessage, held, Full, ""},
	{unix.PTRACE_GETSIGINFO, "PTRACE_GETSIGINFO", traceGetInfo, held, Full, ""},
	{unix.PTRACE_SETSIGINFO, "PTRACE_SETSIGINFO", traceSetInfo, held, Full, ""},
	{unix.PTRACE_GETREGSET, "PTRACE_GETREGSET", traceRegset, held, Full, "NT_PRSTATUS, NT_PRFPREG, NT_X86_XSTATE"},
	{unix.PTRACE_SETREGSET, "PTRACE_SETREGSET", traceRegset, held, Full, "NT_PRSTATUS, NT_PRFPREG, NT_X86_XSTATE"},
	{unix.PTRACE_SEIZE, "PTRACE_SEIZE", traceSeize, anybody, Full, ""},
	{unix.PTRACE_INTERRUPT, "PTRACE_INTERRUPT", traceInterrupt, traced, Full, ""},
	{unix.PTRACE_LISTEN, "PTRACE_LISTEN", traceListen, held, Full, ""},
	{unix.PTRACE_PEEKSIGINFO, "PTRACE_PEEKSIGINFO", tracePeekInfo, held, Full, ""},
	{unix.PTRACE_GETSIGMASK, "PTRACE_GETSIGMASK", traceGetMask, held, Full, ""},
	{unix.PTRACE_SETSIGMASK, "PTRACE_SETSIGMASK", traceSetMask, held, Full, ""},
	{ptraceSeccompGetFilter, "PTRACE_SECCOMP_GET_FILTER", traceGetFilter, held, Full, ""},
	{ptraceSeccompGetMetadata, "PTRACE_SECCOMP_GET_METADATA", traceFilterMetadata, held, Full, ""},
	{unix.PTRACE_GET_SYSCALL_INFO, "PTRACE_GET_SYSCALL_INFO", traceCallInfo, held, Full, ""},
	{ptraceGetRseq, "PTRACE_GET_RSEQ_CONFIGURATION", traceRseq, held, Full, ""},
}

// Requests lie in two ranges: those of old, and those that do not depend on the instruction set.
const (
	requestRange = 0x40
	requestBase  = 0x4200 // PTRACE_SETOPTIONS
)

// byRequest has the rows by number, first those of the lower range. It is no map: a tracer asks all the time.
var byRequest = func() (a [2 * requestRange]*TraceRequest) {
	for i := range TraceRequests {
		r := &TraceRequests[i]
		a[requestIndex(uint64(r.Number))] = r
	}
	return a
}()

// requestIndex is where a request is in byRequest, its length if it cannot be one.
func requestIndex(n uint64) uint64 {
	switch {
	case n < requestRange:
		return n
	case n-requestBase < requestRange:
		return requestRange + n - requestBase
	}
	return 2 * requestRange
}

// traceRequest is the row of a request, nil if there is none.
func traceRequest(n uint64) *TraceRequest {
	if i := requestIndex(n); i < uint64(len(byRequest)) {
		return byRequest[i]
	}
	return nil
}

func ptrace(c *task.Call) task.Result {
	number, tid, addr, data := c.Args[0], int32(c.Args[1]), c.Args[2], c.Args[3]
	r := traceRequest(number)
	if r != nil && r.Needs == nobody {
		return r.Handler(c, c.T, addr, data)
	}
	t := c.K.Thread(tid)
	if t == nil {
		return fail(unix.ESRCH)
	}
	if r != nil && r.Needs == anybody {
		return r.Handler(c, t, addr, data)
	}
	t, e := c.K.Held(c.T, tid, r != nil && r.Needs == traced)
	switch {
	case e != 0:
		return fail(e)
	case r == nil:
		return fail(unix.EIO)
	}
	return r.Handler(c, t, addr, data)
}

func traceRefused(*task.Call, *task.Thread, uint64, uint64) task.Result { return fail(unix.EIO) }

func traceMe(c *task.Call, t *task.Thread, _, _ uint64) task.Result { return fail(c.K.TraceMe(t)) }

func traceAttach(c *task.Call, t *task.Thread, _, _ uint64) task.Result {
	return fail(c.K.Attach(c.T, t, false, 0))
}

func traceSeize(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	if addr != 0 {
		return fail(unix.EIO)
	}
	if e := task.CheckOptions(c.T, data, unix.EIO); e != 0 {
		return fail(e)
	}
	return fail(c.K.Attach(c.T, t, true, uint32(data)))
}

func traceDetach(c *task.Call, t *task.Thread, _, data uint64) task.Result {
	if data > signal.Max {
		return fail(unix.EIO)
	}
	c.K.Detach(t, int32(data))
	return 0
}

func traceKill(c *task.Call, t *task.Thread, _, _ uint64) task.Result {
	c.K.SignalProcess(t.Proc, signal.User(int32(unix.SIGKILL), signal.SIUser, c.T.Proc.Pid, c.T.Cred.UID))
	return 0
}

func traceInterrupt(c *task.Call, t *task.Thread, _, _ uint64) task.Result {
	return fail(c.K.Interrupt(t))
}
func traceListen(c *task.Call, t *task.Thread, _, _ uint64) task.Result { return fail(c.K.Listen(t)) }

// resume lets the thread go on in some way, data is a signal.
func resume(how task.Resume) func(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	return func(c *task.Call, t *task.Thread, _, data uint64) task.Result {
		if data > signal.Max {
			return fail(unix.EIO)
		}
		return fail(c.K.Continue(t, how, int32(data)))
	}
}

func traceSetOptions(c *task.Call, t *task.Thread, _, data uint64) task.Result {
	if e := task.CheckOptions(c.T, data, unix.EINVAL); e != 0 {
		return fail(e)
	}
	c.K.SetOptions(t, uint32(data))
	return 0
}

// wordSize is the size of what PEEK and POKE move.
const wordSize = 8

// forced is the memory of a tracee as its tracer reaches it. EIO when it has none any more.
func forced(t *task.Thread) (mm.Forced, bool) { return mm.Forced{S: t.MM}, t.MM != nil }

func tracePeek(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	m, ok := forced(t)
	if !ok {
		return fail(unix.EIO)
	}
	var b [wordSize]byte
	if _, e := usermem.CopyIn(m, b[:], addr); e != 0 {
		return fail(unix.EIO)
	}
	return put(c, data, b[:])
}

func tracePoke(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	m, ok := forced(t)
	if !ok {
		return fail(unix.EIO)
	}
	var b [wordSize]byte
	binary.LittleEndian.PutUint64(b[:], data)
	if _, e := usermem.CopyOut(m, addr, b[:]); e != 0 {
		return fail(unix.EIO)
	}
	return 0
}

func tracePeekUser(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	v, e := c.K.PeekUser(t, addr)
	if e != 0 {
		return fail(e)
	}
	return fail(usermem.Write64(c.Mem(), data, v))
}

func tracePokeUser(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	return fail(c.K.PokeUser(t, addr, data))
}

// Places in isa.Regsets.
const (
	regsGeneral = iota
	regsFP
)

func getRegs(n int) func(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	return func(c *task.Call, t *task.Thread, _, data uint64) task.Result {
		var b [isa.MaximumRegset]byte
		size := c.K.GetRegset(t, &isa.Regsets()[n], b[:])
		return put(c, data, b[:size])
	}
}

func setRegs(n int) func(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	return func(c *task.Call, t *task.Thread, _, data uint64) task.Result {
		var b [isa.MaximumRegset]byte
		set := &isa.Regsets()[n]
		size := set.Size(&c.K.CPU)
		if _, e := usermem.CopyIn(c.Mem(), b[:size], data); e != 0 {
			return fail(e)
		}
		return fail(c.K.SetRegset(t, set, b[:size]))
	}
}

// traceRegset is both directions; data is a struct iovec, whose length is told back.
func traceRegset(c *task.Call, t *task.Thread, kind, data uint64) task.Result {
	var v [16]byte
	if _, e := usermem.CopyIn(c.Mem(), v[:], data); e != 0 {
		return fail(e)
	}
	base, length := binary.LittleEndian.Uint64(v[:]), binary.LittleEndian.Uint64(v[8:])
	var set *isa.Regset
	for i := range isa.Regsets() {
		if s := &isa.Regsets()[i]; uint64(s.Type) == kind {
			set = s
		}
	}
	if set == nil || length%uint64(set.Word) != 0 {
		return fail(unix.EINVAL)
	}
	length = min(length, uint64(set.Size(&c.K.CPU)))
	var b [isa.MaximumRegset]byte
	var e unix.Errno
	if c.Args[0] == unix.PTRACE_GETREGSET {
		c.K.GetRegset(t, set, b[:])
		_, e = usermem.CopyOut(c.Mem(), base, b[:length])
	} else if _, e = usermem.CopyIn(c.Mem(), b[:length], base); e == 0 {
		e = c.K.SetRegset(t, set, b[:length])
	}
	if e != 0 {
		return fail(e)
	}
	return fail(usermem.Write64(c.Mem(), data+8, length))
}

func traceArchPrctl(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	set, get, invalid := isa.ThreadBase(t.Frame(), data)
	switch {
	case invalid:
		return fail(unix.EINVAL)
	case set != nil:
		if addr >= isa.TaskSize {
			return fail(unix.EPERM)
		}
		c.K.SetBase(t, set, addr)
		return 0
	}
	return fail(usermem.Write64(c.Mem(), addr, get(t.Frame())))
}
