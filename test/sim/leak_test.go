package sim

import (
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
	"starling/pager/client"
	"starling/pager/table"
)

// books is what there is of everything that can leak.
type books struct {
	Pages                         uint64 // free, as frames, for tables, or in the kernel
	Regions                       uint64
	Threads, LinuxCaps, PagerCaps int
}

// books reads the pager's published header and the kernel's counters.
func (m *Machine) books(c *client.Client) books {
	h := c.Stats()
	return books{h.FramesFree + h.TablesFree + m.Kernel.KernelFree(), h.RegionsFree,
		m.Kernel.Threads(), m.linux.Capabilities(), m.pager.Capabilities()}
}

// reader sees the pager's published tables.
func (m *Machine) reader() *client.Client {
	c, err := client.New(m.linux, m.parts.Pager, table.NewWindow(m.parts.Window, 0, m.parts.Memory))
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// Whatever a process does, when it has ended everything is as before: each scenario
// runs several times as a child, and from the second time on nothing may be missing.
func TestNothingLeaks(t *testing.T) {
	each(t, func(t *testing.T, s *Scenario) {
		if s.During != nil {
			return // its keys are typed once
		}
		var m *Machine
		var reader *client.Client
		var seen []books
		twice := *s
		twice.Main = func(p *kernel.Prog) {
			for range 4 {
				wait(p, p.Fork(s.Main), 0)
				kill(p, -1, unix.SIGKILL) // grandchildren that would run for ever
				sleep(p, 200e6)
				seen = append(seen, m.books(reader))
			}
		}
		m = twice.Boot(t, Options{})
		m.Start(append([]string{"/bin/init"}, s.Args...)...)
		reader = m.reader()
		m.Finish()
		for i := 2; i < len(seen); i++ {
			if seen[i] != seen[1] {
				t.Errorf("after run %d: %+v\nafter run 2: %+v", i+1, seen[i], seen[1])
			}
		}
	})
}
