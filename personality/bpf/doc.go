// Package bpf is bpf(2): maps, programs, the verifier that decides which programs may
// run, and the interpreter that runs them.
//
// A program is decoded once (decode.go) with cilium/ebpf's asm package, which follows
// RFC 9669, into instructions that verifier and interpreter share. The verifier walks every
// path of a program with an abstract machine (verify.go) and refuses what it cannot prove:
// it may refuse too much, never too little. The interpreter checks each access once
// more; a verified program never fails there, which the fuzz tests want to see.
//
// Addresses of a program are made up (run_memory.go): a region in the upper bits, an offset
// below. So nothing a program can compute is an address of the personality.
//
// It imports state, usermem, vfs and wait. What a program learns about the thread that it
// interrupts comes through Environment.
package bpf
