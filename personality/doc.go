// Package personality is Linux as a server: it puts the parts together that the
// folders below are, and is the state machine that the microkernel's events go through.
//
//	task      processes and threads, signals, stops, exits
//	syscalls  the system call table
//	mm        address spaces
//	vfs       names, files, file systems
//	tty       terminals
//	clock     time and timers
//	state     the schemas of all that survives a swap
//
// It handles one event at a time and to the end, never blocks but in calls down to
// the pager and the console, reads no clock and draws no random number that is not
// from the seed. So its state is data: Export and Import carry it to another
// instance, and a log of its messages replays it.
package personality
