// Package ipc is how the servers of Starling talk: to the microkernel, and
// through it to each other.
//
// It defines the kernel calls as one Go interface, Transport, with two
// implementations: package machine makes real kernel calls, package sim is a
// kernel simulated in one process for tests on the host. Servers are written
// against the interface and never see which one they run on.
//
// A server is a state machine: it is handed one Event at a time and answers
// with calls on its Transport. See docs/contract.md for who may call whom.
package ipc
