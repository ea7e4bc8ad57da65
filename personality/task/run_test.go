package task

import "testing"

// Every state can be reached from Starting, and Dead from every state; Dead is the end.
func TestTransitions(t *testing.T) {
	reach := func(from RunState) (seen [runStates]bool) {
		todo := []RunState{from}
		for len(todo) > 0 {
			s := todo[0]
			todo = todo[1:]
			if seen[s] {
				continue
			}
			seen[s] = true
			for _, x := range transitions[s] {
				todo = append(todo, x.To)
				if x.Why == "" {
					t.Errorf("from %v to %v without a reason", s, x.To)
				}
			}
		}
		return seen
	}
	all := reach(Starting)
	for s := Starting; s < runStates; s++ {
		if !all[s] {
			t.Errorf("%v cannot be reached", s)
		}
		if seen := reach(s); !seen[Dead] {
			t.Errorf("no way from %v to its end", s)
		}
	}
	if len(transitions[Dead]) != 0 {
		t.Error("something follows death")
	}
}

func TestForbiddenTransition(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a dead thread runs")
		}
	}()
	th := &Thread{Run: Dead}
	th.become(Running)
}

// Restarts have the numbers of Linux's errnos, which a tracer may see.
func TestRestartNumbers(t *testing.T) {
	for r, want := range map[Restart]uint16{Interrupt: 4, RestartSys: 512, RestartNoIntr: 513, RestartNoHand: 514, RestartBlock: 516} {
		if uint16(r) != want {
			t.Errorf("%d, want %d", r, want)
		}
		if isRestart(-Result(r)) != (r != Interrupt) {
			t.Errorf("%d: taken for the wrong kind", r)
		}
	}
	if isRestart(-515) || isRestart(0) {
		t.Error("a result that is no restart is taken for one")
	}
}
