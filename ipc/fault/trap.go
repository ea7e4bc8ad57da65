package fault

import (
	"starling/ipc"
	"starling/ipc/frame"
)

// maskAll is every register group there is.
const maskAll = ipc.MaskResult | ipc.MaskGeneral | ipc.MaskControl | ipc.MaskSegments | ipc.MaskFP | ipc.MaskDebug

// Stale is an event with a name that is not its thread's present one.
func (r *Rule) Stale(ev *ipc.Event) *ipc.Event {
	stale := *ev
	if r.Kind == StaleGeneration {
		stale.Token.Generation -= 1 + uint32(r.Arg%3)
	} else {
		stale.Token.Sequence -= min(stale.Token.Sequence, 1+r.Arg%3)
	}
	return &stale
}

// StaleReply is a reply with everything in its mask, to an event that was long before, or of another thread that
// had the number.
func (r *Rule) StaleReply(reply ipc.Reply) ipc.Reply {
	if r.Kind == StaleGeneration {
		reply.Token.Generation--
	} else {
		reply.Token.Sequence -= 1 + r.Arg%3
	}
	reply.Mask = maskAll
	return reply
}

// Again is a second reply to the same event, with everything in its mask.
func Again(reply ipc.Reply) ipc.Reply {
	reply.Action, reply.Class, reply.Mask = ipc.ActionResume, 0, maskAll
	return reply
}

// Invalid is the reply with a field that means nothing.
func (r *Rule) Invalid(reply ipc.Reply) ipc.Reply {
	switch arg := r.Arg; arg % 4 {
	case 0:
		reply.Action = ipc.ActionYield + 1 + ipc.Action(arg/4%100)
	case 1:
		reply.Mask = maskAll + 1<<(arg/4%8)
	case 2:
		reply.Class = ipc.FaultOutOfMemory + 1 + ipc.FaultClass(arg/4%100)
	case 3:
		reply.Action, reply.Class = ipc.ActionForward, ipc.FaultNone
	}
	return reply
}

// Refused reports whether the kernel refused a reply that is Invalid as it must, when it says err to the same reply
// without the fault: one that comes too late, as the answer to a stale event does, is refused for its name first.
func Refused(refusal, err error) bool {
	return refusal == ipc.ErrInvalid || refusal == ipc.ErrStale && err == ipc.ErrStale
}

// Scribble overwrites everything in a frame that a reply's mask does not name.
func (r *Rule) Scribble(f *frame.Frame, mask ipc.Mask) { frame.Scribble(f, uint16(mask), r.Arg) }

// The groups are numbered alike in frame: 0 is the only value that fits.
const (
	_ = -(frame.Result ^ uint16(ipc.MaskResult))
	_ = -(frame.General ^ uint16(ipc.MaskGeneral))
	_ = -(frame.Control ^ uint16(ipc.MaskControl))
	_ = -(frame.Segments ^ uint16(ipc.MaskSegments))
	_ = -(frame.FP ^ uint16(ipc.MaskFP))
	_ = -(frame.Debugging ^ uint16(ipc.MaskDebug))
)
