package seccomp

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// Modes of a thread (prctl(2), PR_GET_SECCOMP).
const (
	Disabled = 0
	Strict   = 1
	Filtered = 2
)

// Limits of seccomp(2).
const (
	// MaxInstructions is the longest filter (BPF_MAXINSNS).
	MaxInstructions = 4096
	// maxPath bounds the instructions of all filters of a thread together, each
	// of the older ones counted with a penalty (MAX_INSNS_PER_PATH).
	maxPath = (1 << 18) / instructionSize
	penalty = 4

	instructionSize = 8
)

// Filter is one filter of a thread, and those that were installed before it. Filters never
// change; threads that have one in common share it.
type Filter struct {
	ID       uint64
	Previous *Filter
	Program  []unix.SockFilter
	// Log: SECCOMP_FILTER_FLAG_LOG was given.
	Log bool
	// Listener is the id of the file that USER_NOTIF asks, 0: none.
	Listener uint64
	// KillableWait: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV was given.
	KillableWait bool
}

// Add makes a filter on top of previous, which may be nil. The program has been checked.
// ENOMEM: together they are too long.
func Add(id uint64, program []unix.SockFilter, previous *Filter) (*Filter, unix.Errno) {
	total := len(program)
	for f := previous; f != nil; f = f.Previous {
		total += len(f.Program) + penalty
	}
	if total > maxPath {
		return nil, unix.ENOMEM
	}
	return &Filter{ID: id, Program: program, Previous: previous}, 0
}

// Count is how many filters f is, itself and those before.
func (f *Filter) Count() (n int) {
	for ; f != nil; f = f.Previous {
		n++
	}
	return n
}

// Nth is filter n, the one installed first is 0 (PTRACE_SECCOMP_GET_FILTER); nil when
// there are not that many.
func (f *Filter) Nth(n uint64) *Filter {
	count := uint64(f.Count())
	if n >= count {
		return nil
	}
	for ; count > n+1; count-- {
		f = f.Previous
	}
	return f
}

// Extends reports whether f is older or one of the filters before f; nil is before all.
func (f *Filter) Extends(older *Filter) bool {
	if older == nil {
		return true
	}
	for ; f != nil; f = f.Previous {
		if f == older {
			return true
		}
	}
	return false
}

// Listens reports whether one of the filters has a listener.
func (f *Filter) Listens() bool {
	for ; f != nil; f = f.Previous {
		if f.Listener != 0 {
			return true
		}
	}
	return false
}

// Evaluate runs all filters. The result is that of the highest precedence, of equal ones the
// newest filter's; by is that filter, nil when all allow the call.
func (f *Filter) Evaluate(d *Data) (result uint32, by *Filter) {
	result = Allow
	for ; f != nil; f = f.Previous {
		if r := run(f.Program, d); action(r) < action(result) {
			result, by = r, f
		}
	}
	return result, by
}

// Export gives the state of one filter.
func (f *Filter) Export() *state.FilterT {
	t := &state.FilterT{Id: f.ID, Log: f.Log, Listener: f.Listener, KillableWait: f.KillableWait}
	if f.Previous != nil {
		t.Previous = f.Previous.ID
	}
	for _, i := range f.Program {
		t.Program = append(t.Program, uint64(i.Code)|uint64(i.Jt)<<16|uint64(i.Jf)<<24|uint64(i.K)<<32)
	}
	return t
}

// Import makes a filter of its state; previous is the one its state names. nil: the
// program would not pass Check.
func Import(t *state.FilterT, previous *Filter) *Filter {
	f := &Filter{ID: t.Id, Previous: previous, Log: t.Log, Listener: t.Listener, KillableWait: t.KillableWait}
	for _, w := range t.Program {
		f.Program = append(f.Program, unix.SockFilter{Code: uint16(w), Jt: byte(w >> 16), Jf: byte(w >> 24), K: uint32(w >> 32)})
	}
	if !Check(f.Program) {
		return nil
	}
	return f
}
