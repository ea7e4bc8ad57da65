// Package syscalls is the system calls of Linux: one table of rows (number, name,
// handler, support, note), and the handlers, which check arguments, copy memory
// and leave the work to the packages below.
//
// A handler runs to its end or returns Blocked, and then runs again from the start
// when it may go on. It keeps nothing between two runs but Call.State.
package syscalls
