//go:build !starling_bug_stale_event

package planted

// StaleEvent: the personality handles an event a second time.
const StaleEvent = false
