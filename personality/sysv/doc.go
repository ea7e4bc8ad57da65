// Package sysv is System V IPC (sysvipc(7)): segments of shared memory, sets of semaphores
// and message queues.
//
// Its objects live until somebody removes them, whoever made them. What a call needs of
// its caller comes in a Caller; memory of programs, blocking and the layout of structures are
// the system calls' business (package syscalls). Nothing here waits: an operation that cannot
// be done says what its caller has to wait for, and whoever changes an object wakes those.
//
// The contents of a segment are a file of a tmpfs without a name, as on Linux, so that /proc,
// core files and the memory manager need to know nothing of segments. A region that maps one has
// mm.Segment set and tells it when it comes and goes.
package sysv
