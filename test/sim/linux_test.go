package sim

import "testing"

// TestScenarios runs every scenario and compares with what Linux does.
func TestScenarios(t *testing.T) {
	for _, s := range Scenarios {
		t.Run(s.Name, func(t *testing.T) {
			s.Run(s.Boot(t, Options{Personality: Linux}))
		})
	}
}
