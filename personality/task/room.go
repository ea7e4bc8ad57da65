package task

// A child takes memory when it runs: page tables, copies of what it stores to, and all that the
// program has which it executes. Then it is too late to refuse; who touches memory next would have to
// be killed for it, instead of fork's caller getting ENOMEM. So a process that is young, from fork(2)
// or execve(2) until it first waits for something, has a claim to what others of its kind took, and
// fork(2) refuses when memory does not hold all claims and one more. The claims bind nobody else:
// whoever touches what it has mapped may still bring the killing about (outOfMemory).

// Claims in pages. What a busybox applet and a static Go program took, counted when the memory of a
// machine is full of them, is below these numbers.
const (
	claimNodes  = 12 // the pager's tables: four levels in three places
	claimKernel = 16 // the kernel's, a thread and a space
	claimHeap   = 8  // what is kept about a process in this server, and what its calls leave to be collected
	claimLeast  = 32 // data: the least that usual can be
	// claimMost is the largest part of all data that usual can be.
	claimMost = 32
)

// manyYoung is how many young processes are worth a look at who is young still, even where memory is plenty.
const manyYoung = 64

// kernelSlack is how many pages stay with the kernel for threads and for those that are not young.
const kernelSlack = 64

// claim is pages that are promised.
type claim struct{ data, nodes, kernel uint64 }

// newborn is the claim of a process that begins. exec: of a program that takes the place of another.
func (k *Core) newborn() claim {
	return claim{data: max(uint64(k.usual), claimLeast) + claimHeap, nodes: claimNodes, kernel: claimKernel}
}

// claims adds up what young processes have not taken yet. It looks who is young no more; what
// those have is what the next ones are expected to take.
func (k *Core) claims() (sum claim) {
	one := k.newborn()
	left := k.young[:0]
	grown, most := false, uint64(0)
	for _, p := range k.young {
		owned := uint64(0)
		if p.Executed { // before, it is not told from what it shares with its parent
			owned = k.owned(p)
		}
		if p.settled() {
			p.Young = false
			grown, most = grown || p.Executed, max(most, owned)
			continue
		}
		left = append(left, p)
		sum.data += one.data - min(owned, one.data-claimHeap)
		sum.nodes += one.nodes
		sum.kernel += one.kernel
	}
	clear(k.young[len(left):])
	k.young = left
	if grown {
		most = min(most, k.Pager.Stats().FramesTotal/claimMost)
		k.usual = max(uint32(most), k.usual-k.usual/8)
	}
	return sum
}

// settled tells whether a process waits for something, other than the end of a vfork(2).
func (p *Process) settled() bool {
	for _, t := range p.threads {
		if t.Run == Waiting && t.VforkChild == 0 || t.Run == Stopped {
			return true
		}
	}
	return false
}

// owned is how many pages of data a process has for itself, those shared since a fork among them.
func (k *Core) owned(p *Process) uint64 {
	if t := p.Any(); t != nil && t.MM != nil {
		if r := k.Pager.SpaceRecord(t.MM.Pager); r != nil {
			return r.Owned
		}
	}
	return 0
}

// expect makes a process young.
func (k *Core) expect(p *Process) {
	if !p.Young {
		p.Young = true
		k.young = append(k.young, p)
	}
}

// expectNoMore is for a process that has ended.
func (k *Core) expectNoMore(p *Process) {
	if p.Young {
		p.Young = false
		k.young = remove(k.young, p)
	}
}

// roomFor tells whether memory holds one claim more than those that there are.
// given is how much data comes free when it is made true.
func (k *Core) roomFor(c claim, given uint64) bool {
	return k.holds(c, given) || k.reclaim() && k.holds(c, given)
}

func (k *Core) holds(c claim, given uint64) bool {
	s := k.Pager.Stats()
	n := uint64(len(k.young)) + 1
	if n < manyYoung && s.DataLeft > n*(c.data+c.nodes+c.kernel)+kernelSlack {
		return true // what is undecided may become anything
	}
	sum := k.claims()
	c.data += sum.data
	c.nodes += sum.nodes
	c.kernel += sum.kernel + kernelSlack
	// What is decided already serves one purpose only, and the rest of all of them comes
	// out of what is not.
	data := beyond(c.data, s.FramesFree-s.Spare-min(s.FramesFree-s.Spare, s.Reserve)+given)
	tables := beyond(c.nodes, s.TablesFree-min(s.TablesFree, s.TablesReserve)) + beyond(c.kernel, k.Transport.KernelFree())
	return data <= s.DataLeft && data+tables <= s.Spare
}

// beyond is how much more than have is needed.
func beyond(need, have uint64) uint64 { return need - min(need, have) }

// roomToFork tells whether there is memory for one more process.
func (k *Core) roomToFork() bool { return k.roomFor(k.newborn(), 0) }

// roomToExecute tells whether there is memory for the program that takes the place of the one
// of t. A young process has its claim still: what it has taken of it comes back.
func (k *Core) roomToExecute(t *Thread) bool {
	if t.Proc.Young {
		return true
	}
	given := uint64(0)
	if !t.MM.Shared() {
		given = k.owned(t.Proc)
	}
	return k.roomFor(k.newborn(), given)
}
