//go:build starling_bug_leak_release

package planted

// LeakRelease: the pager keeps the objects of a client that will not come back.
const LeakRelease = true
