// Package sim is the microkernel simulated in one process: the second
// implementation of ipc.Transport, for tests on the host.
//
// Servers run as state machines, programs as scripted Go functions, and
// everything else is as on the machine: capabilities and their errors, spaces
// with page tables, thread frames in physical memory, the reply mask, recall,
// priorities, time slices and timers. What a server can observe through
// ipc.Transport and through the window is meant to be the same as on the machine;
// where the two differ it is a fault of one of them.
//
// The simulation is deterministic. It runs on one goroutine at a time, its clock
// is virtual (each event costs Config.EventCost, a program's computing costs what
// it says, and when all is idle the clock jumps to the next timer), and the only
// source of chance is Config.Seed: seed 0 schedules first come first served, any other
// seed chooses among what is ready.
//
// Physical memory is one arena. Physical address p is the byte Window()+p, so code
// that reaches memory through the window of docs/contract.md runs unchanged.
//
// The package imports ipc and ipc/frame only. It knows no pager and no
// personality: test/sim puts those together.
package sim
