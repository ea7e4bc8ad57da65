//go:build starling_observed

package sim

import (
	"testing"

	"starling/personality/task"
)

// Every transition of the table of run states is taken by some scenario, and none is taken that is not
// there (task.become panics).
func TestEveryTransition(t *testing.T) {
	taken := map[[2]task.RunState]bool{
		{task.Running, task.Calling}: true, // what every call is, and what nobody is told of
		{task.Calling, task.Running}: true,
	}
	observe := func(from, to task.RunState) { taken[[2]task.RunState{from, to}] = true }
	each(t, func(t *testing.T, s *Scenario) { s.Run(s.Boot(t, Options{Observe: observe})) })
	for from := range task.RunStates {
		for _, x := range from.Transitions() {
			if !taken[[2]task.RunState{from, x.To}] {
				t.Errorf("no scenario takes a thread from %v to %v (%s)", from, x.To, x.Why)
			}
		}
	}
}
