// Package task is processes and threads: what each thread is doing, how an event of
// the kernel becomes a step of it, signals, stops, exits, and waiting.
//
// A thread is in one RunState, and one table (run.go) has every transition. Handling
// an event is running steps until the thread rests: in user mode, blocked in a call,
// stopped, or dead. Nothing of it is on a Go stack between two events: a
// blocked call is its frame, its records of waits and its state.CallT.
//
// The calls themselves are in package syscalls, which adds them as a table
// (Core.Table). The package never reads a clock and draws randomness from the seed
// only; everything that survives a swap is in package state.
package task
