//go:build starling_server

package main

import "unsafe"

// Programs in asm_amd64.s.
const (
	codeEcho = iota
	codeBroken
	codeNotify
	codeVectors
	codeBench
	codeRandom
	codeForward
)

// forwardTicks is how long codeForward takes for a store's fault, in ticks; asm_amd64.s.
const forwardTicks = 1 << 20

// code is the address of a program in asm_amd64.s.
func code(which int) unsafe.Pointer

// codeBytes is a program, and what happens to follow it.
func codeBytes(which int) []byte {
	return unsafe.Slice((*byte)(code(which)), 512)
}

// machineTicks is the time stamp counter.
func machineTicks() uint64
