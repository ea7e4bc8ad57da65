package task

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
	"starling/personality/usermem"
)

// Restartable sequences (rseq(2)): code that is to run without another thread or a signal in
// between. A thread registers an area in its memory; there it says which sequence it is in, and is told
// on which processor it runs. One that is cut off in a sequence goes on at the sequence's abort handler.
//
// The kernel reports a registered thread that ran not of its own will behind another one
// (frame.Options); what is left to see here is signals.

// struct rseq and struct rseq_cs of Linux's include/uapi/linux/rseq.h.
const (
	rseqProcessor   = 0 // cpu_id_start and cpu_id
	rseqSequence    = 8 // address of a struct rseq_cs, or 0
	rseqFlags       = 16
	rseqNode        = 20 // node_id and mm_cid
	rseqFeatureSize = 28 // behind the last field that is known: AT_RSEQ_FEATURE_SIZE
	rseqAlign       = 32 // AT_RSEQ_ALIGN
	rseqFirstSize   = 32 // of the area before it said how large it is

	sequenceSize = 32

	rseqUnregister = 1          // RSEQ_FLAG_UNREGISTER
	noProcessor    = ^uint32(0) // RSEQ_CPU_ID_UNINITIALIZED
)

// Rseq is rseq(2). Of several errors Linux's first one is given (kernel/rseq.c).
func Rseq(c *Call) Result {
	t := c.T
	area, size, flags, sign := c.Args[0], uint32(c.Args[1]), uint32(c.Args[2]), uint32(c.Args[3])
	switch {
	case flags&^rseqUnregister != 0,
		flags == rseqUnregister && t.ThreadT.Rseq == 0,
		t.ThreadT.Rseq != 0 && (area != t.ThreadT.Rseq || size != t.RseqSize):
		return Err(unix.EINVAL)
	case t.ThreadT.Rseq != 0 && sign != t.RseqSignature:
		return Err(unix.EPERM)
	case flags == rseqUnregister:
		if e := t.tellProcessor(noProcessor); e != 0 {
			return Err(e)
		}
		t.registerRseq(0, 0, 0)
		return 0
	case t.ThreadT.Rseq != 0:
		return Err(unix.EBUSY)
	case size < rseqFirstSize || area%rseqAlign != 0:
		return Err(unix.EINVAL)
	case area > isa.TaskSize-uint64(size):
		return Err(unix.EFAULT)
	}
	// What an earlier thread left in the area is no sequence of this one.
	if s, e := usermem.Read64(t.MM, area+rseqSequence); e != 0 || s != 0 && usermem.Write64(t.MM, area+rseqSequence, 0) != 0 {
		return Err(unix.EFAULT)
	}
	t.registerRseq(area, size, sign)
	t.attention |= AttendRseq
	return 0
}

// registerRseq makes the area the thread's; 0 is none.
func (t *Thread) registerRseq(area uint64, size, sign uint32) {
	t.ThreadT.Rseq, t.RseqSize, t.RseqSignature = area, size, sign
	isa.ReportPreemption(t.frame, area != 0)
}

// inheritRseq gives a new thread the area of the one that made it, unless they share their memory.
func (u *Thread) inheritRseq(t *Thread, q *CloneArgs) {
	if q.Flags&unix.CLONE_VM != 0 {
		u.registerRseq(0, 0, 0)
		return
	}
	u.registerRseq(t.ThreadT.Rseq, t.RseqSize, t.RseqSignature)
}

// RseqArea is what the thread has registered; an area of 0 is none.
func (t *Thread) RseqArea() (area uint64, size, sign uint32) {
	return t.ThreadT.Rseq, t.RseqSize, t.RseqSignature
}

// cutOff is what a registered thread meets that was preempted, or is about to enter a signal handler:
// a sequence that it is in is aborted, and it is told where it runs. False: what it says in its memory
// makes no sense, or cannot be read.
func (k *Core) cutOff(t *Thread) bool {
	return k.abortSequence(t) && t.tellProcessor(0) == 0
}

func (k *Core) abortSequence(t *Thread) bool {
	at, e := usermem.Read64(t.MM, t.ThreadT.Rseq+rseqSequence)
	if e != 0 || at >= isa.TaskSize {
		return false
	}
	var s sequence
	if at != 0 && !s.read(t, at) {
		return false
	}
	inside := s.has(isa.IP(t.frame))
	if inside {
		flags, e := usermem.Read32(t.MM, t.ThreadT.Rseq+rseqFlags)
		if e != 0 || flags != 0 || s.flags != 0 {
			return false // flags that once said when not to restart: no longer supported
		}
	}
	if usermem.Write64(t.MM, t.ThreadT.Rseq+rseqSequence, 0) != 0 {
		return false
	}
	if inside {
		isa.SetIP(t.frame, s.abort)
		t.Change(ipc.MaskControl)
	}
	return true
}

// sequence is a struct rseq_cs. Outside of it lies the abort handler, behind the thread's signature:
// without that an attacker who can write data could send the thread anywhere.
type sequence struct {
	flags                uint32
	start, length, abort uint64
}

// has reports whether an instruction is in the sequence.
func (s *sequence) has(ip uint64) bool { return ip-s.start < s.length }

// read reads and checks the sequence at va.
func (s *sequence) read(t *Thread, va uint64) bool {
	var b [sequenceSize]byte
	if _, e := usermem.CopyIn(t.MM, b[:], va); e != 0 {
		return false
	}
	le := binary.LittleEndian
	version := le.Uint32(b[0:])
	s.flags, s.start, s.length, s.abort = le.Uint32(b[4:]), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:])
	end := s.start + s.length
	if version != 0 || s.start >= isa.TaskSize || end >= isa.TaskSize || end < s.start || s.abort >= isa.TaskSize || s.has(s.abort) {
		return false
	}
	sign, e := usermem.Read32(t.MM, s.abort-4)
	return e == 0 && sign == t.RseqSignature
}

// tellProcessor writes the processor, noProcessor or the one that there is, and what goes with it: its
// memory node, and the thread's place among those of its process that run at once.
func (t *Thread) tellProcessor(id uint32) unix.Errno {
	var b [8]byte
	binary.LittleEndian.PutUint32(b[4:], id)
	if _, e := usermem.CopyOut(t.MM, t.ThreadT.Rseq+rseqProcessor, b[:]); e != 0 {
		return e
	}
	return usermem.Write64(t.MM, t.ThreadT.Rseq+rseqNode, 0)
}

// preempted does what a registered thread is owed before it goes back to user mode.
func (k *Core) preempted(t *Thread) {
	t.attention &^= AttendRseq
	if t.ThreadT.Rseq != 0 && !k.cutOff(t) {
		k.Force(t, signal.Kernel(int32(unix.SIGSEGV)))
	}
}
