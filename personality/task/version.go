//go:build !starling_next

package task

import "starling/personality/state"

// What this build keeps of the state and the next one does not, or the other way
// round: see version_next.go.

// version has nothing that only this build knows.
type version struct{}

func (version) born(int) {}

func (k *Core) exportVersion(t *state.TasksT) {
	if k.lastRun != nil {
		t.LastRun = k.lastRun.Tid
	}
}

func (im *importer) importVersion(t *state.TasksT) {
	if t.LastRun != 0 {
		im.k.lastRun = im.threads[t.LastRun]
	}
}
