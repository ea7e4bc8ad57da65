// Package microkernel is Starling's kernel: spaces, threads, endpoints,
// capabilities, events, memory granted to it, and time. It knows no Linux, no
// file, no device and no policy.
//
// Principles:
//
//   - One loop: run a thread until it traps, handle the trap, choose the next
//     thread. Nothing in the kernel waits, no goroutine exists, interrupts are off.
//   - A trap is a message. The trapped thread itself is what is queued; nothing is
//     allocated for it. If a server waits for it, the processor goes to that
//     server at once.
//   - Objects live in pages granted by servers, reached through pointers into the
//     direct map of physical memory; the Go heap is used while booting only. All
//     numbers that come from ring 3 are checked before they index anything.
//   - The kernel never reads or writes an address of ring 3. It knows frames and
//     message buffers by their physical pages.
//   - Every failure a server can cause is an ipc.Error in its status register.
//
// The package imports arch/cpu, which hides the instruction set, and ipc.
package microkernel
