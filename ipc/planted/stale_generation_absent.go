//go:build !starling_bug_stale_generation

package planted

// StaleGeneration: the simulated kernel does not look at the generation of a reply.
const StaleGeneration = false
