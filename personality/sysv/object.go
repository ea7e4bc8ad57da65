package sysv

import (
	"math"

	"golang.org/x/sys/unix"

	"starling/personality/cred"
	"starling/personality/state"
)

// Caller is who makes a call.
type Caller struct {
	Cred *cred.Cred
	PID  int32
}

// owns reports whether the caller may change or remove an object (ipcctl_obtain_check).
func (c *Caller) owns(p *state.IPCPermissionsT) bool {
	return c.Cred.EUID == p.CreatorUid || c.Cred.EUID == p.Uid || c.Cred.Has(unix.CAP_SYS_ADMIN)
}

// Modes that calls ask for (ipc(5)): the same for owner, group and others.
const (
	MayRead  = 0444
	MayWrite = 0222
)

// May reports whether the caller may use an object so (ipcperms). want is a mode as above, or
// one of shmget(2) and its like, whose bits for everybody count.
func (c *Caller) May(p *state.IPCPermissionsT, want uint32) bool {
	want |= want>>6 | want>>3
	granted := p.Mode
	switch {
	case c.Cred.EUID == p.CreatorUid || c.Cred.EUID == p.Uid:
		granted >>= 6
	case c.Cred.InGroup(p.CreatorGid) || c.Cred.InGroup(p.Gid):
		granted >>= 3
	}
	return want&^granted&7 == 0 || c.Cred.Has(unix.CAP_IPC_OWNER)
}

// private is the key of objects that no key finds.
const private = 0

const (
	indexBits = 15
	indexMask = 1<<indexBits - 1
	// sequences is how many different high parts an identifier can have.
	sequences = math.MaxInt32>>indexBits + 1
	// spread is how many indexes are used at least before they come again (ipc_min_cycle).
	spread = 64
)

// object is what a table holds.
type object interface {
	comparable
	permissions() *state.IPCPermissionsT
}

// Table holds the objects of one kind.
type Table[T object] struct {
	numbers state.IPCNumbersT
	all     []T // by index; nil where there is none
	used    int
	limit   int
}

// Used is how many objects there are.
func (t *Table[T]) Used() int { return t.used }

// Highest is the highest index in use, 0 if there is none: what the *_INFO commands return.
func (t *Table[T]) Highest() int { return max(0, len(t.all)-1) }

// Each calls f for every object, by index.
func (t *Table[T]) Each(f func(T)) {
	var none T
	for _, x := range t.all {
		if x != none {
			f(x)
		}
	}
}

// Get finds an object by its identifier. EINVAL when there is none.
func (t *Table[T]) Get(id int32) (T, unix.Errno) {
	x, e := t.At(id & indexMask)
	if e == 0 && x.permissions().Id == id {
		return x, 0
	}
	var none T
	return none, unix.EINVAL
}

// At finds an object by its index, for the *_STAT commands.
func (t *Table[T]) At(index int32) (T, unix.Errno) {
	var none T
	if index < 0 || int(index) >= len(t.all) || t.all[index] == none {
		return none, unix.EINVAL
	}
	return t.all[index], 0
}

// byKey finds an object that has the key.
func (t *Table[T]) byKey(key int32) (found T, ok bool) {
	var none T
	for _, x := range t.all {
		if x != none && key != private && x.permissions().Key == key {
			return x, true
		}
	}
	return none, false
}

// find is the beginning that shmget(2), semget(2) and msgget(2) have in common: the object that is
// there, or nothing when one is to be made. fits says whether what is there is large enough.
func (t *Table[T]) find(c *Caller, key int32, flags uint32, fits func(T) bool) (x T, e unix.Errno) {
	var none T
	x, ok := t.byKey(key)
	switch {
	case !ok && key != private && flags&unix.IPC_CREAT == 0:
		return none, unix.ENOENT
	case !ok:
		return none, 0
	case flags&unix.IPC_CREAT != 0 && flags&unix.IPC_EXCL != 0:
		return none, unix.EEXIST
	case !fits(x):
		return none, unix.EINVAL
	case !c.May(x.permissions(), flags):
		return none, unix.EACCES
	}
	return x, 0
}

// owned are the permissions of an object that the caller makes.
func (c *Caller) owned(key int32, flags uint32) *state.IPCPermissionsT {
	return &state.IPCPermissionsT{Key: key, Mode: flags & 0777, Uid: c.Cred.EUID, Gid: c.Cred.EGID,
		CreatorUid: c.Cred.EUID, CreatorGid: c.Cred.EGID}
}

// full reports whether there is room for one more.
func (t *Table[T]) full() bool { return t.used >= t.limit }

// Wanted is the identifier that the next object is to have, -1 for any (/proc/sys/kernel/msg_next_id).
func (t *Table[T]) Wanted() int32 { return t.numbers.Wanted - 1 }

// Want sets it.
func (t *Table[T]) Want(id int32) { t.numbers.Wanted = id + 1 }

// add gives an object its identifier. Indexes are used in turn, so that an old identifier does not
// soon stand for another object (ipc_idr_alloc).
func (t *Table[T]) add(x T) {
	if want := t.Wanted(); want >= 0 {
		t.numbers.Wanted = 0
		if i := t.free(int(want&indexMask), t.limit); i >= 0 {
			x.permissions().Id = want&^indexMask | int32(i)
			t.put(i, x)
			return
		}
	}
	top := min(max(t.used*3/2, spread), t.limit)
	i := t.free(int(t.numbers.Next), top)
	if i < 0 {
		i = t.free(0, top)
	}
	if i < int(t.numbers.Next) {
		t.numbers.Sequence = (t.numbers.Sequence + 1) % sequences
	}
	t.numbers.Next = uint32(i) + 1
	x.permissions().Id = int32(t.numbers.Sequence)<<indexBits | int32(i)
	t.put(i, x)
}

// free finds a free index in [from, top), -1 if there is none.
func (t *Table[T]) free(from, top int) int {
	var none T
	for i := from; i < top; i++ {
		if i >= len(t.all) || t.all[i] == none {
			return i
		}
	}
	return -1
}

func (t *Table[T]) put(i int, x T) {
	for len(t.all) <= i {
		var none T
		t.all = append(t.all, none)
	}
	t.all[i] = x
	t.used++
}

func (t *Table[T]) remove(x T) {
	var none T
	t.all[x.permissions().Id&indexMask] = none
	t.used--
	for len(t.all) > 0 && t.all[len(t.all)-1] == none {
		t.all = t.all[:len(t.all)-1]
	}
}

// restore takes over the objects of a state. EINVAL when two are at one place.
func (t *Table[T]) restore(n *state.IPCNumbersT, list []T) unix.Errno {
	if n != nil {
		t.numbers = *n
	}
	for _, x := range list {
		p := x.permissions()
		if p == nil || p.Id < 0 || int(p.Id&indexMask) >= t.limit {
			return unix.EINVAL
		}
		if _, e := t.At(p.Id & indexMask); e == 0 {
			return unix.EINVAL
		}
		t.put(int(p.Id&indexMask), x)
	}
	return 0
}

// exportNumbers is nil where nothing was ever made: a build that knows no System V IPC can follow then.
func (t *Table[T]) exportNumbers() *state.IPCNumbersT {
	if t.numbers == (state.IPCNumbersT{}) {
		return nil
	}
	n := t.numbers
	return &n
}

// Change is what IPC_SET sets of an object.
type Change struct{ UID, GID, Mode uint32 }

// set is IPC_SET (ipc_update_perm).
func (c *Caller) set(p *state.IPCPermissionsT, to Change) {
	p.Uid, p.Gid = to.UID, to.GID
	p.Mode = p.Mode&^0777 | to.Mode&0777
}
