package task

import (
	"starling/ipc"
	"starling/personality/usermem"
)

// Robust lists (get_robust_list(2)).
const (
	robustLimit = 2048 // ROBUST_LIST_LIMIT
)

// exitRobust marks the robust futexes that a thread held as its legacy.
func (k *Core) exitRobust(t *Thread) {
	head := t.RobustList
	if head == 0 {
		return
	}
	t.RobustList = 0
	m := t.MM
	entry, e := usermem.Read64(m, head)
	if e != 0 {
		return
	}
	offset, e := usermem.Read64(m, head+8)
	if e != 0 {
		return
	}
	pending, e := usermem.Read64(m, head+16)
	if e != 0 {
		return
	}
	const piBit = 1
	for n := 0; entry&^piBit != head && n < robustLimit; n++ {
		next, e := usermem.Read64(m, entry&^piBit)
		if entry&^piBit != pending&^piBit {
			if !k.ownerDied(t, entry&^piBit+offset, false) {
				return
			}
		}
		if e != 0 {
			return
		}
		entry = next
	}
	if pending&^piBit != 0 {
		k.ownerDied(t, pending&^piBit+offset, true)
	}
}

// ownerDied passes one futex on. False when its memory cannot be used.
func (k *Core) ownerDied(t *Thread, va uint64, pending bool) bool {
	if va&3 != 0 {
		return false
	}
	s, e := t.MM.Span(va, 4, ipc.Write)
	if e != 0 || len(s) < 4 {
		return false
	}
	v := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
	if pending && v == 0 {
		k.futexWakeWord(t, va)
		return true
	}
	if v&futexTIDMask != uint32(t.Tid) {
		return true
	}
	n := v&futexWaiters | futexOwnerDied
	s[0], s[1], s[2], s[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	if v&futexWaiters != 0 {
		k.futexWakeWord(t, va)
	}
	return true
}
