//go:build starling_observed

package task

// observed: Core.Observe is told of changes of threads' states. It costs what the way of a signal can do
// without, so a build has it only when asked.
const observed = true

func (t *Thread) observe(to RunState) {
	if k := t.call.K; k != nil && k.Observe != nil {
		k.Observe(t.Run, to)
	}
}
