// Package clock is time as programs see it: the clocks, one queue of deadlines,
// and the timers that send signals.
//
// The package never reads a clock. Time comes in with every event (Advance);
// CPU time comes from the core through Accounts. What happens when a timer
// expires is data (a kind and an id), handed to the core through Sink, so
// that everything here can be exported and no closure outlives an event.
//
// It imports state, wait and the numbers of Linux, nothing else of the personality.
package clock
