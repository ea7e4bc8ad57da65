// Package userabi is what a Linux program on amd64 can see of its instruction
// set: where a system call finds its number, arguments and result in the frame,
// how a signal frame looks, which registers a program starts with, what an
// exception means.
//
// The Linux personality uses it through arch/isa and names no register itself. The
// package imports the frame layout and nothing else of the project, and runs on the host.
//
// Sources: System V ABI, AMD64 supplement; Linux arch/x86/include/uapi/asm
// (sigcontext.h, ucontext.h, ptrace-abi.h); sigreturn(2), signal(7), syscall(2).
package userabi
