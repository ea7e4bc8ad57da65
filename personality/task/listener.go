package task

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/seccomp"
	"starling/personality/state"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// listener answers the calls that a filter's USER_NOTIF asks about (seccomp_unotify(2)). Key0
// of its file is its id.
type listener struct {
	id, waitID uint64
	next       uint64 // number of the next question
	// requests is how many questions were asked and not fetched. One whose thread has gone
	// is still counted: the reader finds nothing then (ENOENT).
	requests  uint32
	questions []*question
}

// question is one call of a thread that waits for the answer.
type question struct {
	thread *Thread
	state.QuestionT
}

// find returns a question by its number, nil if it is over.
func (l *listener) find(number uint64) *question {
	for _, q := range l.questions {
		if q.Number == number {
			return q
		}
	}
	return nil
}

// ask makes a thread wait for the answer of the filter's listener. Without one the call does
// not exist.
func (k *Core) ask(t *Thread, by *seccomp.Filter, number int32, args *[6]uint64) {
	l := k.listeners[by.Listener]
	if l == nil {
		k.noResultYet(t)
		t.become(Leaving)
		return
	}
	q := &question{thread: t, QuestionT: state.QuestionT{
		Number: l.next, Tid: t.Tid, Call: number, Ip: isa.IP(t.frame), Args: args[:]}}
	l.next++
	l.requests++
	l.questions = append(l.questions, q)
	t.guard.asked, t.guard.question = l.id, q.Number
	k.Waits.Wake(wait.ID(l.waitID), wait.In|wait.RdNrm)
	t.Number = number
	*t.call.State = zeroCall
	k.called(t, t.call.Block(RestartSys, 0))
}

// mustAnswer reports whether a thread waits for its answer whatever signal comes: the
// listener has its question and the filter says so.
func (k *Core) mustAnswer(t *Thread) bool {
	l := k.listeners[t.guard.asked]
	if l == nil {
		return false
	}
	q := l.find(t.guard.question)
	if q == nil || !q.Taken {
		return false
	}
	for f := t.guard.Filter; f != nil; f = f.Previous {
		if f.Listener == l.id {
			return f.KillableWait
		}
	}
	return false
}

// withdraw forgets the question of a thread that does not wait any longer.
func (k *Core) withdraw(t *Thread) {
	if l := k.listeners[t.guard.asked]; l != nil {
		l.questions = slices.DeleteFunc(l.questions, func(q *question) bool { return q.Number == t.guard.question })
	}
	t.guard.asked, t.guard.question = 0, 0
}

// answered is what the thread does with the answer: the result, or the call itself. A
// listener that is gone says that the call does not exist.
func (k *Core) answered(t *Thread) {
	a := state.QuestionT{Answered: true, Error: -int32(unix.ENOSYS)}
	if l := k.listeners[t.guard.asked]; l != nil {
		a = l.find(t.guard.question).QuestionT
	}
	k.unblock(t)
	t.woken, t.timedOut = false, false
	t.become(Calling)
	if a.Flags&unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE != 0 {
		k.begin(t)
		return
	}
	r := Result(a.Value)
	if a.Error != 0 {
		r = Result(a.Error)
	}
	k.setResult(t, r)
	if t.attention == AttendTrace {
		// Nothing is pending: even a result that would restart the call is the program's.
		k.resume(t)
		return
	}
	t.become(Leaving)
}

// Unbreakable reports whether a waiting thread does not mind the signal that it got.
func (t *Thread) Unbreakable() bool {
	return t.attention&AttendSignals != 0 && t.guard.asked != 0 && t.call.K.mustAnswer(t)
}

// wakeAsker lets a thread see its answer.
func (k *Core) wakeAsker(q *question) {
	q.thread.woken = true
	k.enqueue(q.thread)
}

// NewListener makes the listener of a filter that is about to be installed. EBUSY when a
// filter of the thread has one.
func (k *Core) NewListener(t *Thread) (*vfs.File, unix.Errno) {
	for f := t.guard.Filter; f != nil; f = f.Previous {
		if k.listeners[f.Listener] != nil {
			return nil, unix.EBUSY
		}
	}
	l := &listener{id: k.NewID(), waitID: k.NewID(), next: k.rng.Uint64()}
	f, e := k.VFS.NewAnonFile("anon_inode:seccomp notify", vfs.KindListener, l.id, listenerFile{k: k}, unix.O_RDWR)
	if e == 0 {
		k.listeners[l.id] = l
	}
	return f, e
}

// leaveFilters is told that a thread is no more: a listener is told when nobody is left who
// could ask it.
func (k *Core) leaveFilters(t *Thread) {
	if t == nil {
		return
	}
	for f := t.guard.Filter; f != nil; f = f.Previous {
		if l := k.listeners[f.Listener]; l != nil && !k.hasAskers(l) {
			k.Waits.Wake(wait.ID(l.waitID), wait.Hup)
		}
	}
}

// hasAskers reports whether a thread has a filter of the listener.
func (k *Core) hasAskers(l *listener) (has bool) {
	k.eachThread(func(t *Thread) {
		for f := t.guard.Filter; f != nil && !has; f = f.Previous {
			has = f.Listener == l.id
		}
	})
	return has
}

func (k *Core) exportListeners() (list []*state.ListenerT) {
	for _, l := range k.listeners {
		x := &state.ListenerT{Id: l.id, WaitId: l.waitID, Next: l.next, Requests: l.requests}
		for _, q := range l.questions {
			c := q.QuestionT
			c.Tid = q.thread.Tid
			x.Questions = append(x.Questions, &c)
		}
		list = append(list, x)
	}
	vfs.SortByID(list, func(l *state.ListenerT) uint64 { return l.Id })
	return list
}

func (k *Core) importListeners(list []*state.ListenerT) unix.Errno {
	for _, x := range list {
		l := &listener{id: x.Id, waitID: x.WaitId, next: x.Next, requests: x.Requests}
		for _, q := range x.Questions {
			t := k.Thread(q.Tid)
			if t == nil || len(q.Args) != 6 {
				return unix.EINVAL
			}
			l.questions = append(l.questions, &question{t, *q})
		}
		k.listeners[l.id] = l
	}
	return 0
}
