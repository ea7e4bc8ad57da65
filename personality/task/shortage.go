package task

import (
	"math"
	"slices"

	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/mm"
	"starling/personality/state"
)

// When memory has run out calls return ENOMEM where they can. Where nobody can be told, at a page
// fault and where the system itself stores something for a program, a process is ended, as on Linux
// (mm/oom_kill.c). Never is it the one that happened to be there: the one with the most memory.

// outOfMemory is for a page fault of t that found no memory. The fault is tried again.
func (k *Core) outOfMemory(t *Thread) {
	if k.reclaim() {
		return
	}
	victim := k.worst()
	if victim == nil {
		victim = t.Proc
	}
	k.endForMemory(victim)
}

// relieve is for a store of the system itself that found no memory, on behalf of t: it makes somebody else
// end at once. False when nobody can; then it is t that has to.
func (k *Core) relieve(t *Thread) bool {
	if k.reclaim() {
		return true
	}
	victim := k.worst()
	if victim == nil || victim == t.Proc || victim.memory() == t.MM {
		k.endForMemory(t.Proc)
		return false
	}
	k.endForMemory(victim)
	for _, u := range slices.Clone(victim.threads) {
		u.attention |= AttendNow
		k.attend(u)
	}
	return len(victim.threads) == 0
}

// worst is the process that is to end: the one with the most memory, weighed with oom_score_adj
// (oom_badness), and of two alike the younger. One that is ending already comes first: its memory is about to come free.
func (k *Core) worst() (victim *Process) {
	total := int64(k.Pager.Stats().FramesTotal)
	most := int64(math.MinInt64)
	for _, p := range k.processes {
		m := p.memory()
		if p == k.Init || m == nil || p.VforkParent != 0 {
			continue // the memory of a vfork's child is its parent's
		}
		if p.Exiting {
			if p.held() {
				continue // nobody knows for how long
			}
			return p
		}
		if p.OomAdjust <= oomNever {
			continue
		}
		if points := int64(m.Resident()) + int64(p.OomAdjust)*total/1000; points >= most {
			victim, most = p, points
		}
	}
	return victim
}

// oomNever is OOM_SCORE_ADJ_MIN.
const oomNever = -1000

// memory is the space of a process, nil if it has none any more.
func (p *Process) memory() *mm.Space {
	if t := p.Any(); t != nil {
		return t.MM
	}
	return nil
}

// held tells whether a tracer holds a thread of an ending process, or its core file is being written.
func (p *Process) held() bool {
	return slices.ContainsFunc(p.threads, func(t *Thread) bool { return t.Run == Stopped || t.Run == Dumping })
}

// endForMemory ends a process and all that share its memory, which is wanted at once. There is nothing
// to do for one that is ending already.
func (k *Core) endForMemory(victim *Process) {
	if victim.Exiting {
		return
	}
	m := victim.memory()
	k.noteMemoryKill(victim)
	victim.MemoryKilled = true
	k.endProcess(victim, int32(unix.SIGKILL), AttendNow)
	if m == nil || !m.Shared() {
		return
	}
	for _, p := range k.processes {
		if p != k.Init && p.memory() == m {
			k.endProcess(p, int32(unix.SIGKILL), AttendNow)
		}
	}
}

// maxMemoryKills is how many of the last processes that memory ended are remembered.
const maxMemoryKills = 8

func (k *Core) noteMemoryKill(p *Process) {
	st := k.Pager.Stats()
	var resident uint64
	if m := p.memory(); m != nil {
		resident = m.Resident()
	}
	m := &state.MemoryKillT{Pid: p.Pid, Name: p.leader.Comm, Resident: resident, Free: st.FramesFree - st.Spare, Spare: st.Spare}
	k.memoryKills = append(k.memoryKills[max(0, len(k.memoryKills)+1-maxMemoryKills):len(k.memoryKills):len(k.memoryKills)], m)
}

// MemoryKills are the last processes that were ended because memory had run out.
func (k *Core) MemoryKills() []*state.MemoryKillT { return k.memoryKills }

// put32 stores a number for t where the program asked for it; a bad address is the program's
// affair, as for Linux.
func (k *Core) put32(t *Thread, s *mm.Space, va uint64, v uint32) {
	b := [4]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
	for done := 0; done < 4; {
		p, e := s.Span(va+uint64(done), 4-done, ipc.Write)
		if e == unix.ENOMEM && k.relieve(t) {
			continue
		}
		if e != 0 {
			return
		}
		done += copy(p, b[done:])
	}
}
