package sim

import (
	"starling/ipc"
	"starling/ipc/frame"
)

// snapshot is what a reply may change of a thread.
type snapshot struct {
	regs  frame.Registers
	debug frame.Debug
	fp    [frame.XSaveSize]byte
}

// take copies the groups of mask from the frame to the thread; with an injector it is checked
// that nothing else changes.
func (l *lab) take(t *Thread, mask ipc.Mask) {
	was := snapshot{t.regs, t.debug, t.fp}
	t.take(mask)
	is := frame.Frame{Regs: t.regs, Debug: t.debug, XSave: t.fp}
	before := frame.Frame{Regs: was.regs, Debug: was.debug, XSave: was.fp}
	for i := range groups {
		if mask&groups[i].mask != 0 {
			keep(&is, &before, groups[i].mask)
		}
	}
	if is != before {
		l.violation("a reply with mask %#x changed registers outside of it", mask)
	}
}

// keep copies one group from one frame to another.
func keep(to, from *frame.Frame, mask ipc.Mask) {
	switch mask {
	case ipc.MaskResult:
		to.Regs.AX = from.Regs.AX
	case ipc.MaskGeneral:
		copyGeneral(&to.Regs, &from.Regs)
	case ipc.MaskControl:
		to.Regs.IP, to.Regs.SP, to.Regs.Flags = from.Regs.IP, from.Regs.SP, from.Regs.Flags
	case ipc.MaskSegments:
		copySegments(&to.Regs, &from.Regs)
	case ipc.MaskFP:
		to.XSave = from.XSave
	case ipc.MaskDebug:
		to.Debug = from.Debug
	}
}
