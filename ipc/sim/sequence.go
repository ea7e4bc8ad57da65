package sim

import "golang.org/x/sys/unix"

// Restartable sequences (rseq(2)). The sequence of a function is where it computes in Sequence and where its
// accesses fault; its abort handler is the beginning of its slot, which goes on behind Sequence. The
// signature before it is what lies there: the end of the slot before, or nothing before the first.

// slotEnd is the last four bytes of a slot.
const slotEnd = 0xf0eb_050f

// Signature is the signature of the function's sequence.
func (p *Prog) Signature() uint64 {
	if p.a.slot == 0 {
		return 0
	}
	return slotEnd
}

// aborted is what a sequence panics with when it goes on at its abort handler.
type aborted struct{}

// Describe is the function's sequence as struct rseq_cs has it: where it begins, how long it is, where
// its abort handler is.
func (p *Prog) Describe() (start, length, abort uint64) {
	return p.a.base + slotAccess, slotSyscall - slotAccess, p.a.base
}

// Sequence runs f, which makes no system calls and ends with the access that commits, as the function's
// sequence; the caller says in the area of rseq(2) that it is in there. It returns false when the
// sequence was aborted.
func (p *Prog) Sequence(f func()) (whole bool) {
	p.a.sequence = true
	defer func() {
		p.a.sequence = false
		switch e := recover().(type) {
		case nil:
		case aborted:
			whole = false
		default:
			panic(e)
		}
	}()
	f()
	return true
}

// Register is rseq(2) for an area that it allocates.
func (p *Prog) Register(signature uint64) (area uint64, result int64) {
	const size = 32
	area = (p.Alloc(2*size) + size - 1) &^ (size - 1)
	return area, p.Syscall(unix.SYS_RSEQ, area, size, 0, signature)
}
