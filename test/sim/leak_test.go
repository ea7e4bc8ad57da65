package sim

import (
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// Whatever a process does, when it has ended everything is as before: each scenario
// runs several times as a child, and from the second time on nothing may be missing.
func TestNothingLeaks(t *testing.T) {
	each(t, func(t *testing.T, s *Scenario) {
		if s.During != nil {
			return // its keys are typed once
		}
		var m *Machine
		var seen []Books
		twice := *s
		twice.Main = func(p *kernel.Prog) {
			for range 4 {
				wait(p, p.Fork(s.Main), 0)
				kill(p, -1, unix.SIGKILL) // grandchildren that would run for ever
				sleep(p, 200e6)
				seen = append(seen, m.Books())
			}
		}
		m = twice.Boot(t, Options{})
		m.Start(append([]string{"/bin/init"}, s.Args...)...)
		m.Finish()
		for i := 2; i < len(seen); i++ {
			if seen[i] != seen[1] {
				t.Errorf("after run %d: %+v\nafter run 2: %+v", i+1, seen[i], seen[1])
			}
		}
	})
}
