// Package cpu is the instruction set that the microkernel is built for, under
// names that do not depend on it. Another one is added as arch/<isa> and a file
// cpu_<isa>.go here with the same names. It imports arch/<isa> only.
//
//	Context    the registers of a thread: Resume runs it until its next trap
//	PageTable  an address space
//	Clock      ticks of the processor's counter as ns
//	Port...    device registers outside memory
//	Line...    device interrupts
package cpu
