package loader

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Limits of execve(2), from Linux's include/uapi/linux/binfmts.h and fs/exec.c.
const (
	// MaxString is the longest argument or environment string, its NUL included.
	MaxString = 32 * 4096
	// MaxStrings bounds the number of strings.
	MaxStrings = 0x7fffffff
	// minArguments is allowed whatever the stack limit is.
	minArguments = 32 * 4096
	// maxArguments is three quarters of the default stack limit of 8 MiB.
	maxArguments = 6 << 20
)

// ArgumentLimit is how many bytes strings and pointers may take with the stack limit given.
func ArgumentLimit(stackLimit uint64) uint64 {
	return max(min(stackLimit/4, maxArguments), minArguments)
}

// Aux is one entry of the auxiliary vector, see getauxval(3).
type Aux struct{ Type, Value uint64 }

// Types of Aux whose value is an address in the new stack: Stack fills them in.
const (
	AuxPlatform = 15
	AuxRandom   = 25
	AuxExecFile = 31
)

// Start describes the stack of a new program.
type Start struct {
	SP    uint64 // where argc stands; a multiple of 16
	Bytes []byte // the content from SP up
	// What /proc/PID/cmdline, environ and auxv show.
	ArgStart, ArgEnd, EnvStart, EnvEnd uint64
	Aux                                []byte
}

// textSize is what the strings take, their NULs included.
func textSize(file string, argv, envp []string) uint64 {
	size := uint64(len(file)) + 1
	for _, list := range [][]string{argv, envp} {
		for _, s := range list {
			size += uint64(len(s)) + 1
		}
	}
	return size
}

// StackSize is how many bytes Stack makes, and a little more.
func StackSize(file string, argv, envp []string) uint64 {
	const rest = 1024 // auxiliary vector, platform and what aligns
	return textSize(file, argv, envp) + 8*uint64(len(argv)+len(envp)) + rest
}

// Stack lays out the stack of a new program that ends at top: argc, argv, envp and the
// auxiliary vector, then 16 random bytes, the platform's name, the strings and the
// file name (System V ABI AMD64 3.4.1; order of the strings as in Linux's fs/exec.c).
// aux must not hold AT_NULL. E2BIG when it exceeds limit bytes.
func Stack(top uint64, file string, argv, envp []string, platform string, random [16]byte, aux []Aux, limit uint64) (*Start, unix.Errno) {
	for _, list := range [][]string{argv, envp} {
		for _, s := range list {
			if len(s)+1 > MaxString {
				return nil, unix.E2BIG
			}
		}
	}
	size := textSize(file, argv, envp)
	if size > limit || size+8*uint64(len(argv)+len(envp)) > limit {
		return nil, unix.E2BIG
	}
	st := &Start{}
	fileAt := top - 8 - uint64(len(file)) - 1 // 8 zero bytes end the stack
	strings := top - 8 - size
	platformAt := (strings - uint64(len(platform)) - 1) &^ 15
	randomAt := platformAt - 16
	words := uint64(1 + len(argv) + 1 + len(envp) + 1 + 2*(len(aux)+1))
	st.SP = (randomAt - 8*words) &^ 15
	st.Bytes = make([]byte, top-st.SP)

	at := func(va uint64) []byte { return st.Bytes[va-st.SP:] }
	le := binary.LittleEndian
	word := st.SP
	put := func(v uint64) {
		le.PutUint64(at(word), v)
		word += 8
	}
	next := strings
	putAll := func(list []string) (from, to uint64) {
		from = next
		for _, s := range list {
			put(next)
			copy(at(next), s)
			next += uint64(len(s)) + 1
		}
		put(0)
		return from, next
	}
	put(uint64(len(argv)))
	st.ArgStart, st.ArgEnd = putAll(argv)
	st.EnvStart, st.EnvEnd = putAll(envp)
	copy(at(fileAt), file)
	copy(at(platformAt), platform)
	copy(at(randomAt), random[:])
	auxFrom := word
	for _, a := range aux {
		switch a.Type {
		case AuxPlatform:
			a.Value = platformAt
		case AuxRandom:
			a.Value = randomAt
		case AuxExecFile:
			a.Value = fileAt
		}
		put(a.Type)
		put(a.Value)
	}
	put(0)
	put(0)
	st.Aux = append([]byte(nil), st.Bytes[auxFrom-st.SP:word-st.SP]...)
	return st, 0
}
