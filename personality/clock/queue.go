package clock

import "math"

// Kind says whose deadline a Timer is.
type Kind uint8

const (
	// KindCall is the deadline of a blocked call; ID is the thread's.
	KindCall Kind = iota
	// KindTimerFD is a timerfd; ID is the file system's.
	KindTimerFD
	// KindInterval is ITIMER_REAL; ID is the process.
	KindInterval
	// KindPosix is a POSIX timer; ID is process << 32 | number.
	KindPosix
	// KindCPU is the earliest moment at which a CPU-time timer of the process ID can expire.
	KindCPU
)

// Timer is one place in the queue. Its owner embeds it, sets Kind and ID once
// and keeps what it needs to arm it again after a swap. The zero Timer is disarmed.
type Timer struct {
	Kind Kind
	ID   uint64
	// Wall says that the deadline is a moment of CLOCK_REALTIME: it moves when
	// that clock is set.
	Wall     bool
	deadline int64 // ns since boot
	latest   int64 // the same, or later: until then it may wait for another one's expiry
	place    int   // index in the heap + 1, 0 when disarmed
}

// Armed reports whether the timer is in the queue.
func (t *Timer) Armed() bool { return t.place != 0 }

// Deadline is when the timer expires, in ns since boot. Meaningful while armed.
func (t *Timer) Deadline() int64 { return t.deadline }

// Queue is a binary heap of armed timers, in the order of their latest moments (prctl(2),
// PR_SET_TIMERSLACK): the machine is woken for those, and whose deadline has passed then expires with
// them. Equal ones expire in the order of kind and id, so that the order does not depend on the history
// of the heap and survives a swap.
type Queue struct {
	heap []*Timer
	next int64 // what Earliest returns
}

// Never is a moment that does not come.
const Never = math.MaxInt64

func less(a, b *Timer) bool {
	if a.latest != b.latest {
		return a.latest < b.latest
	}
	if a.Kind != b.Kind {
		return a.Kind < b.Kind
	}
	return a.ID < b.ID
}

// Set arms t for deadline (ns since boot), whatever it was before.
func (q *Queue) Set(t *Timer, deadline int64) { q.SetWithin(t, deadline, 0) }

// SetWithin is Set for a timer that may expire up to slack ns late.
func (q *Queue) SetWithin(t *Timer, deadline, slack int64) {
	t.deadline, t.latest = deadline, SatAdd(max(deadline, 0), slack)
	if t.place == 0 {
		q.heap = append(q.heap, t)
		t.place = len(q.heap)
		q.up(t.place - 1)
	} else if i := t.place - 1; !q.up(i) {
		q.down(i)
	}
	q.first()
}

// Stop disarms t.
func (q *Queue) Stop(t *Timer) {
	if t.place == 0 {
		return
	}
	i, last := t.place-1, len(q.heap)-1
	q.swap(i, last)
	q.heap[last] = nil
	q.heap = q.heap[:last]
	t.place = 0
	if i < last && !q.up(i) {
		q.down(i)
	}
	q.first()
}

// first finds the moment that Earliest is.
func (q *Queue) first() {
	q.next = Never
	if len(q.heap) > 0 {
		q.next = q.heap[0].latest
	}
}

// Earliest is the first moment at which a timer cannot wait any longer, Never when there is none.
func (q *Queue) Earliest() int64 { return q.next }

// Expired takes the first timer if its deadline is not after now, or returns nil.
func (q *Queue) Expired(now int64) *Timer {
	if len(q.heap) == 0 || q.heap[0].deadline > now {
		return nil
	}
	t := q.heap[0]
	q.Stop(t)
	return t
}

// shiftWall moves every deadline that is a moment of CLOCK_REALTIME after that
// clock was set forward by step ns.
func (q *Queue) shiftWall(step int64) {
	for _, t := range q.heap {
		if t.Wall {
			slack := t.latest - t.deadline
			t.deadline = max(1, satSub(t.deadline, step))
			t.latest = SatAdd(t.deadline, slack)
		}
	}
	for i := len(q.heap)/2 - 1; i >= 0; i-- {
		q.down(i)
	}
	q.first()
}

func (q *Queue) swap(i, j int) {
	q.heap[i], q.heap[j] = q.heap[j], q.heap[i]
	q.heap[i].place, q.heap[j].place = i+1, j+1
}

func (q *Queue) up(i int) bool {
	moved := false
	for i > 0 {
		parent := (i - 1) / 2
		if !less(q.heap[i], q.heap[parent]) {
			break
		}
		q.swap(i, parent)
		i, moved = parent, true
	}
	return moved
}

func (q *Queue) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(q.heap) {
			return
		}
		if child+1 < len(q.heap) && less(q.heap[child+1], q.heap[child]) {
			child++
		}
		if !less(q.heap[child], q.heap[i]) {
			return
		}
		q.swap(i, child)
		i = child
	}
}
