// Package amd64 is everything of the microkernel that depends on the
// instruction set: descriptor tables, entry to and return from ring 3, page
// tables, vector state, debug registers, interrupt controllers, timers, ports.
// Package arch/cpu selects it; nothing else names a register or a page-table bit.
//
// Ring 3 is a function call: Resume enters a Context and returns at its next
// trap. Interrupts are off in ring 0 except inside Halt, so nothing here is ever
// entered twice, and no Go code runs on a trap stack (but for the last message of
// a broken kernel).
//
// The package may import the frame layout and tamago, whose register names it
// uses where they exist; its drivers take 32-bit addresses and cannot be mapped
// in the high half, so access to devices is here.
//
// Manuals: SDM is Intel's "64 and IA-32 Architectures Software Developer's
// Manual", APM is AMD's "AMD64 Architecture Programmer's Manual".
package amd64

//go:generate go run ./genvectors
