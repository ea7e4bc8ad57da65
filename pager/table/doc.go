// Package table is the format of the tables the pager publishes, and how to
// read them: which frame backs which page of a space or of a memory object.
//
// The tables live in physical memory. The pager writes them, everybody who has
// the window mapped may read them: a personality finds the memory of its
// programs without sending a message. A reader trusts nothing it finds there:
// each step checks that the next node lies inside the window.
//
// A space is a radix tree of four levels over the 36-bit page number, an object one
// of as many levels as its size needs, down to none: then the root is the
// entry of page 0. Nodes are one frame of 512 words.
//
// It may import nothing but ipc.
package table
