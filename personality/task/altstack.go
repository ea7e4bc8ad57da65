package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
)

// SS_ONSTACK and SS_DISABLE of sigaltstack(2).
const (
	ssOnStack = 1
	ssDisable = 2
)

// altDisarm is SS_AUTODISARM of sigaltstack(2).
const altDisarm = -1 << 31

// onAltStack reports whether sp is on the alternate stack. With SS_AUTODISARM it never
// counts as that.
func (t *Thread) onAltStack(sp uint64) bool {
	return t.AltFlags&altDisarm == 0 && t.AltSize != 0 && sp > t.AltBase && sp-t.AltBase <= t.AltSize
}

// handlerStack is where the frame of a handler goes, which is to run on the alternate stack, that there is, or not;
// state is what the frame shows.
func (t *Thread) handlerStack(toAlt bool) (top uint64, state int32, onAlt bool) {
	sp := isa.SP(t.frame)
	if state = t.altState(sp); toAlt && state == 0 {
		return t.AltBase + t.AltSize, state, true
	}
	return isa.BelowRedZone(sp), state, state == ssOnStack
}

// altState is the SS_ONSTACK and SS_DISABLE of the moment.
func (t *Thread) altState(sp uint64) int32 {
	switch {
	case t.AltSize == 0:
		return ssDisable
	case t.onAltStack(sp):
		return ssOnStack
	}
	return 0
}

// AltStack is sigaltstack(2)'s old value.
func (t *Thread) AltStack() isa.AltStack {
	return isa.AltStack{Base: t.AltBase, Size: t.AltSize, Flags: t.AltFlags&altDisarm | t.altState(isa.SP(t.frame))}
}

// SetAltStack is sigaltstack(2)'s new value.
func (t *Thread) SetAltStack(a isa.AltStack, minimum uint64) unix.Errno {
	if t.onAltStack(isa.SP(t.frame)) {
		return unix.EPERM
	}
	switch mode := a.Flags &^ altDisarm; mode {
	case ssDisable:
		t.AltBase, t.AltSize, t.AltFlags = 0, 0, a.Flags
		return 0
	case 0, ssOnStack:
	default:
		return unix.EINVAL
	}
	if a.Size < minimum {
		return unix.ENOMEM
	}
	t.AltBase, t.AltSize, t.AltFlags = a.Base, a.Size, a.Flags
	return 0
}
