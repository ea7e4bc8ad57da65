// Package fault is the fault injector: what can go wrong with a message, on which wires, and what
// must follow. It decides and it damages bytes; the simulated kernel (ipc/sim) and servers/lab do what it says.
//
// A Plan is a list of rules. A rule names a wire, a message on it, a fault, and which message of that name
// is struck, counted from 0: so a plan strikes the same message again in every run that is otherwise the same.
package fault
