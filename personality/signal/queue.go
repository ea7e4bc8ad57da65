package signal

import "starling/personality/state"

// Queue holds pending signals in the order they were sent.
type Queue struct {
	// Pending is which signals wait.
	Pending Set
	infos   []Info
}

// Len is how many signals are queued.
func (q *Queue) Len() int { return len(q.infos) }

// Add queues a signal. A standard signal that is pending already is not queued
// twice: then Add returns false.
func (q *Queue) Add(i *Info) bool {
	bit := Bit(i.Signo)
	if i.Signo < RealTime && q.Pending&bit != 0 {
		return false
	}
	q.Pending |= bit
	q.infos = append(q.infos, *i)
	return true
}

// AddBare makes a signal pending without a place in the queue, as happens when
// RLIMIT_SIGPENDING is reached: it will arrive with an empty siginfo.
func (q *Queue) AddBare(n int32) { q.Pending |= Bit(n) }

// Take moves the first signal that mask does not block to out. False: there is none.
func (q *Queue) Take(mask Set, out *Info) bool {
	n := (q.Pending &^ mask).Next()
	if n == 0 {
		return false
	}
	if len(q.infos) == 1 && q.infos[0].Signo == n { // most often
		*out = q.infos[0]
		q.infos = q.infos[:0]
		q.Pending &^= Bit(n)
		return true
	}
	*out = q.takeNumber(n)
	return true
}

// takeNumber removes the oldest pending instance of signal n, which is pending.
func (q *Queue) takeNumber(n int32) Info {
	var out Info
	found, more := -1, false
	for k := range q.infos {
		if q.infos[k].Signo == n {
			if found >= 0 {
				more = true
				break
			}
			found = k
		}
	}
	if found < 0 {
		out = Info{Signo: n}
	} else {
		out = q.infos[found]
		q.infos = append(q.infos[:found], q.infos[found+1:]...)
	}
	if !more {
		q.Pending &^= Bit(n)
	}
	return out
}

// Drop removes every signal of the set and calls gone for each queued one.
func (q *Queue) Drop(s Set, gone func(*Info)) {
	if q.Pending&s == 0 {
		return
	}
	kept := q.infos[:0]
	for k := range q.infos {
		if s.Has(q.infos[k].Signo) {
			gone(&q.infos[k])
		} else {
			kept = append(kept, q.infos[k])
		}
	}
	q.infos = kept
	q.Pending &^= s
}

// At returns queued signal k, oldest first (PTRACE_PEEKSIGINFO).
func (q *Queue) At(k int) *Info { return &q.infos[k] }

// Find returns the oldest queued signal n that match accepts, or nil.
func (q *Queue) Find(n int32, match func(*Info) bool) *Info {
	for k := range q.infos {
		if q.infos[k].Signo == n && match(&q.infos[k]) {
			return &q.infos[k]
		}
	}
	return nil
}

// Export gives the state of the queue. A signal without a place in it (AddBare)
// is exported with code bareCode.
func (q *Queue) Export() []*state.SignalInfoT {
	var out []*state.SignalInfoT
	var queued Set
	for k := range q.infos {
		out = append(out, q.infos[k].Export())
		queued |= Bit(q.infos[k].Signo)
	}
	for bare := q.Pending &^ queued; bare != 0; {
		n := bare.Next()
		bare &^= Bit(n)
		out = append(out, &state.SignalInfoT{Signo: n, Code: bareCode})
	}
	return out
}

// bareCode is a si_code no signal has.
const bareCode = -1 << 30

// Import makes the queue of its state.
func (q *Queue) Import(in []*state.SignalInfoT) {
	*q = Queue{}
	for _, t := range in {
		if !Valid(t.Signo) {
			continue
		}
		q.Pending |= Bit(t.Signo)
		if t.Code != bareCode {
			q.infos = append(q.infos, ImportInfo(t))
		}
	}
}
