// Package pager holds the memory of all programs: frames, memory objects,
// regions, copy-on-write and the faults of everybody. Behind it is only the kernel
// (ipc.Transport); it never calls another server, so memory outlives the personality.
//
// It is a state machine: Handle takes one event, a page fault or a message, and
// answers it before it returns. It runs unchanged over the kernel and in the
// simulation.
//
// All its state is arrays without pointers, carved at the start out of the
// memory it was given (memory.go), and indexes into them:
//
//	frames   a reference count per frame of program data      (frames.go)
//	nodes    the published radix trees                        (nodes.go, tree.go)
//	spaces   with their sorted regions                        (space.go, region.go)
//	objects  pages shared by those who map them               (object.go)
//
// What part of the memory holds data, tables and the kernel's own is decided as late as
// it can be (growth.go).
//
// Nothing is allocated while it runs, nothing is bounded by hope: each array has a
// size, and reaching it is StatusNoMemory or FaultOutOfMemory.
//
// An entry of a space's tree is one of two things. Owned: the frame is the
// space's, shared with other spaces only after a fork, and its reference count says
// whether a store must copy it first. Not owned: the frame is the one the
// mapped object has at that page; a store in a private region copies it.
//
// It may import ipc, ipc/pagerwire and pager/table.
package pager
