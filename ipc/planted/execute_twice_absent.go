//go:build !starling_bug_execute_twice

package planted

// ExecuteTwice: a server executes a repeated call again.
const ExecuteTwice = false
