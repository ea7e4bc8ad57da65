// Package machine is the ipc.Transport over the real microkernel: every method
// is one kernel call (package ipc/callnum has the table), and nothing else
// happens below a server than what that table says.
//
// The Transport holds back the last Answer, or the last two replies, until the next call, so that
// the loop of a server - wait, handle, reply - enters the kernel once per event.
// The path allocates nothing and copies nothing but the event's words.
//
// It works in programs built by arch/overlay for profile Server, and compiles
// on the host so that it can be vetted. It may import ipc and nothing else of
// the project.
package machine
