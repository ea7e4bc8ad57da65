package sim

import (
	"fmt"
	"testing"

	kernel "starling/ipc/sim"
)

func each(t *testing.T, f func(t *testing.T, s *Scenario)) {
	for i := range Scenarios {
		s := &Scenarios[i]
		t.Run(s.Name, func(t *testing.T) { f(t, s) })
	}
}

func TestScenarios(t *testing.T) {
	each(t, func(t *testing.T, s *Scenario) { s.Run(s.Boot(t, Options{})) })
}

// Any schedule gives the same output.
func TestScenariosUnderSeeds(t *testing.T) {
	each(t, func(t *testing.T, s *Scenario) {
		for seed := uint64(1); seed <= 5; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				s.Run(s.Boot(t, Options{Config: kernel.Config{Seed: seed}}))
			})
		}
	})
}

// The personality is replaced after every message, and nobody notices.
func TestScenariosWithASwapAtEveryMessage(t *testing.T) {
	each(t, func(t *testing.T, s *Scenario) {
		m := s.Boot(t, Options{})
		m.EveryMessage(1)
		s.Run(m)
		if m.Checked() == 0 {
			t.Error("no swap happened")
		}
	})
}

// The log of messages, given to another personality, leads through the same states.
func TestScenariosReplay(t *testing.T) {
	each(t, func(t *testing.T, s *Scenario) {
		m := s.Boot(t, Options{Record: true, Config: kernel.Config{MemoryPages: 3072}})
		s.Run(m)
		if err := m.Replay(); err != nil {
			t.Error(err)
		}
	})
}
