package sim

import (
	"starling/ipc/fault"
	kernel "starling/ipc/sim"
	"starling/pager/client"
)

// Ended is what a machine panics with that stops because a server died which nothing can replace.
type Ended struct{ Server string }

// Inject makes the injector strike what goes over the machine's wires. What becomes of a server that is
// struck is what the default manifest says: the console is started again, the personality is replaced and
// starts the program anew, and without the pager the machine ends.
func (m *Machine) Inject(in *fault.Injector) {
	m.Kernel.Inject(in, kernel.Hooks{Crash: m.crash, Swap: func(string) { m.swap(0) }})
}

// Crashes is the servers that died, in order.
func (m *Machine) Crashes() []string { return m.crashes }

func (m *Machine) crash(server string, _ bool) {
	m.crashes = append(m.crashes, server)
	switch server {
	case "console":
		m.Console.restart()
	case "linux":
		m.replace()
	default:
		panic(Ended{server})
	}
}

// replace is what root does when the personality has died: everything it had is destroyed, and a new instance
// starts the program.
func (m *Machine) replace() {
	if err := m.root.ThreadDestroy(m.root.ServerCap(m.linux)); err != nil {
		m.t.Fatalf("destroying the personality: %v", err)
	}
	if st := m.reader.Release(linuxBadge); st != client.OK {
		m.t.Fatalf("releasing what the personality had: %v", st)
	}
	m.Kernel.Strike(false) // until the program that starts anew says whom to spare
	m.launch()
}

// Close ends the programs of a machine that is not needed any more, wherever they are.
func (m *Machine) Close() { m.Kernel.Close() }

// Books is what there is of everything that can leak.
type Books struct {
	Pages                         uint64 // free, as frames, for tables, or in the kernel, and those of capability tables
	Regions                       uint64 // free
	Threads, LinuxCaps, PagerCaps int    // those of the pager but its pieces of memory: their pages count, and pieces become more and never fewer
}

// Books reads the pager's published header and the kernel's counters.
func (m *Machine) Books() Books {
	h := m.reader.Stats()
	tables := m.linux.CapabilityPages() + m.pager.CapabilityPages()
	linux, _ := m.linux.Capabilities()
	pager, pieces := m.pager.Capabilities()
	return Books{h.FramesFree + h.TablesFree + m.Kernel.KernelFree() + tables, h.RegionsFree, m.Kernel.Threads(), linux, pager - pieces}
}
