package signal

// Waiting and Relay are what packages written for tamago expect of os/signal.
// Nothing ever waits for a signal here.

// Waiting reports whether a goroutine waits for interrupts.
func Waiting() bool { return true }
