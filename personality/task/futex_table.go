package task

import (
	"iter"
	"math/bits"
)

// futexTable finds the queues by their keys: a hash table with chains. A program that wakes and waits makes and
// empties a queue each time, so it costs a few instructions, and nothing is allocated: what is
// emptied is used again. The keys are chosen by programs, hence the secret.
type futexTable struct {
	chains []*futexQueue // a power of two
	count  int
	spare  *futexQueue // chain of emptied queues
	secret uint64
}

// fewestChains is how many chains a table begins with.
const fewestChains = 64

func newFutexTable(secret uint64) futexTable {
	return futexTable{chains: make([]*futexQueue, fewestChains), secret: secret}
}

func (h *futexTable) chain(key futexKey) **futexQueue {
	high, low := bits.Mul64(key.a^h.secret, key.b^0x9e3779b97f4a7c15)
	return &h.chains[(high^low)&uint64(len(h.chains)-1)]
}

// find is the queue of a key, nil if nobody waits there.
func (h *futexTable) find(key futexKey) *futexQueue {
	q := *h.chain(key)
	for q != nil && q.key != key {
		q = q.next
	}
	return q
}

// take is the queue of a key, a new one if nobody waits there.
func (h *futexTable) take(key futexKey) *futexQueue {
	c := h.chain(key)
	q := *c
	for q != nil && q.key != key {
		q = q.next
	}
	if q != nil {
		return q
	}
	if h.count == len(h.chains) {
		h.grow()
		c = h.chain(key)
	}
	if q = h.spare; q != nil {
		h.spare = q.next
	} else {
		q = &futexQueue{}
	}
	q.key = key
	q.next, *c = *c, q
	h.count++
	return q
}

// drop takes an empty queue out.
func (h *futexTable) drop(q *futexQueue) {
	p := h.chain(q.key)
	for *p != q {
		p = &(*p).next
	}
	*p = q.next
	q.next, h.spare = h.spare, q
	h.count--
}

// grow doubles the number of chains.
func (h *futexTable) grow() {
	old := h.chains
	h.chains = make([]*futexQueue, 2*len(old))
	for _, q := range old {
		for q != nil {
			next, c := q.next, h.chain(q.key)
			q.next, *c = *c, q
			q = next
		}
	}
}

// all is every queue, in no order that means anything.
func (h *futexTable) all() iter.Seq[*futexQueue] {
	return func(yield func(*futexQueue) bool) {
		for _, q := range h.chains {
			for ; q != nil; q = q.next {
				if !yield(q) {
					return
				}
			}
		}
	}
}
