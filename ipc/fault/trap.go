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

// Scribble overwrites everything in a frame that a reply's mask does not name.
func (r *Rule) Scribble(f *frame.Frame, mask ipc.Mask) {
	before, arg := *f, r.Arg
	for i := range f.XSave {
		f.XSave[i] = byte(arg >> (i % 8))
	}
	for i, v := range [...]*uint64{&f.Regs.R15, &f.Regs.R14, &f.Regs.R12, &f.Regs.BX, &f.Regs.BP,
		&f.Regs.CX, &f.Regs.DX, &f.Regs.SI, &f.Regs.DI, &f.Regs.IP, &f.Regs.SP, &f.Regs.Flags,
		&f.Regs.CS, &f.Regs.SS, &f.Regs.FSBase, &f.Regs.GSBase, &f.Regs.DS, &f.Debug.DR0, &f.Debug.DR7} {
		*v = ^arg*uint64(2*i+1) ^ arg<<17
	}
	if mask&(ipc.MaskResult|ipc.MaskGeneral) == 0 {
		f.Regs.AX, f.Regs.OrigAX = ^arg, ^arg
	}
	for _, g := range groups { // what the reply names is its sender's to say
		if mask&g.mask != 0 {
			g.keep(f, &before)
		}
	}
}

// groups copies the registers of each group from one frame to another.
var groups = [...]struct {
	mask ipc.Mask
	keep func(to, from *frame.Frame)
}{
	{ipc.MaskResult, func(to, from *frame.Frame) { to.Regs.AX = from.Regs.AX }},
	{ipc.MaskGeneral, func(to, from *frame.Frame) {
		t, f := &to.Regs, &from.Regs
		t.R15, t.R14, t.R13, t.R12, t.R11, t.R10, t.R9, t.R8 = f.R15, f.R14, f.R13, f.R12, f.R11, f.R10, f.R9, f.R8
		t.BP, t.BX, t.AX, t.CX, t.DX, t.SI, t.DI, t.OrigAX = f.BP, f.BX, f.AX, f.CX, f.DX, f.SI, f.DI, f.OrigAX
	}},
	{ipc.MaskControl, func(to, from *frame.Frame) {
		to.Regs.IP, to.Regs.SP, to.Regs.Flags = from.Regs.IP, from.Regs.SP, from.Regs.Flags
	}},
	{ipc.MaskSegments, func(to, from *frame.Frame) {
		t, f := &to.Regs, &from.Regs
		t.CS, t.SS, t.FSBase, t.GSBase = f.CS, f.SS, f.FSBase, f.GSBase
		t.DS, t.ES, t.FS, t.GS = f.DS, f.ES, f.FS, f.GS
	}},
	{ipc.MaskFP, func(to, from *frame.Frame) { to.XSave = from.XSave }},
	{ipc.MaskDebug, func(to, from *frame.Frame) { to.Debug = from.Debug }},
}
