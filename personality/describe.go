package personality

import (
	"fmt"

	"starling/ipc"
)

// Describe puts an event of a program into words, for a trace: "" for other events.
func (p *Personality) Describe(ev *ipc.Event) string {
	switch ev.Kind {
	case ipc.EventSyscall, ipc.EventFault, ipc.EventException, ipc.EventReport:
	default:
		return ""
	}
	t := p.k.BySlot(ev.Badge)
	if t == nil {
		return ""
	}
	who := fmt.Sprintf("%s[%d]", t.Comm, t.Tid)
	switch ev.Kind {
	case ipc.EventSyscall:
		n, a := t.CallNow()
		return fmt.Sprintf("%s %s(%#x, %#x, %#x, %#x, %#x, %#x)", who, p.k.NameOf(n), a[0], a[1], a[2], a[3], a[4], a[5])
	case ipc.EventFault:
		return fmt.Sprintf("%s fault at %#x", who, ev.Address)
	case ipc.EventException:
		return fmt.Sprintf("%s exception %d", who, ev.Vector)
	}
	return who
}
