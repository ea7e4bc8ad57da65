package ipc

import "encoding/binary"

// Auxiliary vector entries that the Go runtime reads at its entry (getauxval(3)).
const (
	auxNull   = 0
	auxPageSz = 6
	auxRandom = 25
)

// ServerStack lays out the initial stack of a server in page, which will be
// mapped so that its end is at address top: argc, argv, envp and the auxiliary
// vector, as the System V ABI (AMD64 supplement, 3.4.1) wants them at process
// entry. It returns the initial stack pointer, 16-byte aligned. Strings that do
// not fit give ErrTruncated.
func ServerStack(page []byte, top uint64, args, env []string, seed [2]uint64) (sp uint64, err error) {
	end := len(page)
	push := func(b string, zero int) (uint64, bool) {
		if len(b)+zero > end {
			return 0, false
		}
		end -= len(b) + zero
		copy(page[end:], b)
		clear(page[end+len(b) : end+len(b)+zero])
		return top - uint64(len(page)-end), true
	}
	random, ok := push("", 16)
	if !ok {
		return 0, ErrTruncated
	}
	binary.LittleEndian.PutUint64(page[end:], seed[0])
	binary.LittleEndian.PutUint64(page[end+8:], seed[1])
	words := make([]uint64, 0, 16+len(args)+len(env))
	words = append(words, uint64(len(args)))
	for _, list := range [][]string{args, env} {
		for _, s := range list {
			a, ok := push(s, 1)
			if !ok {
				return 0, ErrTruncated
			}
			words = append(words, a)
		}
		words = append(words, 0)
	}
	words = append(words, auxPageSz, PageSize, auxRandom, random, auxNull, 0)
	start := (end - 8*len(words)) &^ 15
	if start < 0 {
		return 0, ErrTruncated
	}
	for i, w := range words {
		binary.LittleEndian.PutUint64(page[start+8*i:], w)
	}
	return top - uint64(len(page)-start), nil
}
