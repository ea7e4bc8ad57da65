//go:build starling_next

package task

import "starling/personality/state"

// The next build counts how many threads there have been at once, and no longer
// remembers over a swap who ran last: the first switch after one is not counted.
// Builds of both kinds can follow each other (docs/control.md).

type version struct{ mostThreads uint32 }

func (v *version) born(threads int) { v.mostThreads = max(v.mostThreads, uint32(threads)) }

func (k *Core) exportVersion(t *state.TasksT) { t.MostThreads = k.version.mostThreads }

func (im *importer) importVersion(t *state.TasksT) { im.k.version.mostThreads = t.MostThreads }
