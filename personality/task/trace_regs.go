package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
)

// What a tracer reads and writes of a held thread's registers. They are in its frame;
// what changed goes to the kernel with the reply that lets the thread go on.

// tracerChanges is the groups that general registers are spread over.
const tracerChanges = ipc.MaskGeneral | ipc.MaskControl | ipc.MaskSegments

// syncSelectors brings the data selectors into the frame, which traps do not write.
func (k *Core) syncSelectors(t *Thread) {
	if !t.Fresh && t.changed&ipc.MaskSegments == 0 {
		k.Transport.ThreadSync(ipc.Handle(t.Handle), ipc.MaskSegments)
	}
}

// errnoOf is the errno of a store to a register.
func errnoOf(o isa.Outcome) unix.Errno {
	switch o {
	case isa.Stored:
		return 0
	case isa.BadRegister:
		return unix.EIO
	case isa.BadLength:
		return unix.EFAULT
	}
	return unix.EINVAL
}

// GetRegset reads a register set into b, which is as long as isa.MaximumRegset, and returns its size.
func (k *Core) GetRegset(t *Thread, set *isa.Regset, b []byte) int {
	if set.FP {
		k.syncFP(t)
	} else {
		k.syncSelectors(t)
	}
	set.Get(&k.CPU, t.frame, t.trace != nil && t.trace.ForcedStep, b)
	return set.Size(&k.CPU)
}

// SetRegset writes the beginning of a register set.
func (k *Core) SetRegset(t *Thread, set *isa.Regset, b []byte) unix.Errno {
	if set.FP {
		k.syncFP(t)
		o := set.Set(&k.CPU, t.frame, nil, b)
		if o == isa.Stored {
			t.Change(ipc.MaskFP)
		}
		return errnoOf(o)
	}
	k.syncSelectors(t)
	o := set.Set(&k.CPU, t.frame, &t.trace.ForcedStep, b)
	t.Change(tracerChanges) // those before the refused one are set
	return errnoOf(o)
}

// PeekUser reads a word of struct user.
func (k *Core) PeekUser(t *Thread, off uint64) (uint64, unix.Errno) {
	k.syncSelectors(t)
	v, o := isa.PeekUser(t.frame, t.trace.ForcedStep, off)
	return v, errnoOf(o)
}

// PokeUser writes one.
func (k *Core) PokeUser(t *Thread, off, v uint64) unix.Errno {
	k.syncSelectors(t)
	debug, o := isa.PokeUser(t.frame, &t.trace.ForcedStep, off, v)
	switch {
	case o != isa.Stored:
	case debug:
		t.Change(ipc.MaskDebug)
	default:
		t.Change(tracerChanges)
	}
	return errnoOf(o)
}

// SetBase sets one of the thread's segment bases.
func (k *Core) SetBase(t *Thread, set func(*isa.Frame, uint64), v uint64) {
	k.syncSelectors(t)
	set(t.frame, v)
	t.Change(ipc.MaskSegments)
}
