// Package uprobe is breakpoints in programs that the system itself handles (Linux
// kernel/events/uprobes.c).
//
// A probe is a place in a file: inode and offset. Its breakpoint is planted, by copy-on-write, wherever
// that place is mapped or comes to be mapped in a space that a consumer wants. When a thread hits it the
// consumers are told, and the instruction that was there is emulated, or stepped in a copy in the area
// of the space. A return probe sends the function that was entered to a breakpoint at the beginning of the area.
//
// What the instruction set has to do with it is in arch/<isa>/userabi. The package imports
// mm, state, usermem and vfs; package task calls it at breakpoints, steps, faults, forks and ends.
package uprobe
