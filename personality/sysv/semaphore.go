package sysv

import (
	"cmp"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/wait"
)

// Limits of semaphores (semget(2), semop(2)): those of Linux, but for the number of sets and that of all
// semaphores, which Linux leaves to its memory.
const (
	SetsMax       = 4096  // SEMMNI
	PerSet        = 32000 // SEMMSL
	SemaphoresMax = 32000 // SEMMNS
	OperationsMax = 500   // SEMOPM
	ValueMax      = 32767 // SEMVMX
)

// Set is a set of semaphores.
type Set struct{ state.SemaphoreSetT }

func (a *Set) permissions() *state.IPCPermissionsT { return a.Permissions }

// Operation is one of semop(2).
type Operation struct {
	Number uint16
	Add    int16
	Flags  int16
}

const (
	noWait   = 04000  // IPC_NOWAIT
	withUndo = 010000 // SEM_UNDO
)

// GetSet is semget(2).
func (s *System) GetSet(c *Caller, key, number int32, flags uint32) (*Set, unix.Errno) {
	if number < 0 || number > PerSet {
		return nil, unix.EINVAL
	}
	a, e := s.Sets.find(c, key, flags, func(a *Set) bool { return len(a.Semaphores) >= int(number) })
	switch {
	case e != 0 || a != nil:
		return a, e
	case number == 0:
		return nil, unix.EINVAL
	case s.semaphores+int(number) > SemaphoresMax, s.Sets.full():
		return nil, unix.ENOSPC
	case !s.v.RoomFor(uint64(number) * uint64(unsafe.Sizeof(state.SemaphoreT{})+unsafe.Sizeof(uintptr(0)))):
		return nil, unix.ENOMEM
	}
	a = &Set{state.SemaphoreSetT{Permissions: c.owned(key, flags), ChangeTime: s.now()}}
	for range number {
		a.Semaphores = append(a.Semaphores, &state.SemaphoreT{Id: s.v.NewID()})
	}
	s.semaphores += int(number)
	s.Sets.add(a)
	return a, 0
}

// SetSet is IPC_SET.
func (s *System) SetSet(c *Caller, a *Set, to Change) unix.Errno {
	if !c.owns(a.Permissions) {
		return unix.EPERM
	}
	c.set(a.Permissions, to)
	a.ChangeTime = s.now()
	return 0
}

// RemoveSet is IPC_RMID: who waits for one of the semaphores finds it gone.
func (s *System) RemoveSet(c *Caller, a *Set) unix.Errno {
	if !c.owns(a.Permissions) {
		return unix.EPERM
	}
	s.Sets.remove(a)
	s.semaphores -= len(a.Semaphores)
	for _, u := range s.undos {
		u.forget(a.Permissions.Id, -1)
	}
	for _, m := range a.Semaphores {
		s.v.Waits.Wake(wait.ID(m.Id), wait.Any)
	}
	return 0
}

// Semaphores is how many there are in all sets.
func (s *System) Semaphores() int { return s.semaphores }

// Blocking is what an operation that cannot be done now waits for.
type Blocking struct {
	ID     wait.ID
	Events wait.Events
}

// What is waited for: wait.In for a larger value, wait.Out for zero.

// Waiting counts the threads that wait for a semaphore: to grow, or to be zero (GETNCNT, GETZCNT).
func (s *System) Waiting(a *Set, number int, zero bool) int {
	what := wait.In
	if zero {
		what = wait.Out
	}
	return s.v.Waits.Count(wait.ID(a.Semaphores[number].Id), what)
}

// Operate does all operations of semop(2), or none. EAGAIN with a Blocking: the caller waits.
func (s *System) Operate(c *Caller, a *Set, list []Operation, undo uint64) (Blocking, unix.Errno) {
	before := make([]int32, len(list)) // values to go back to
	for i, o := range list {
		m := a.Semaphores[o.Number]
		before[i] = m.Value
		value := m.Value + int32(o.Add)
		block := Blocking{}
		e := unix.Errno(0)
		switch {
		case o.Add == 0 && m.Value != 0:
			e, block = unix.EAGAIN, Blocking{wait.ID(m.Id), wait.Out}
		case value < 0:
			e, block = unix.EAGAIN, Blocking{wait.ID(m.Id), wait.In}
		case value > ValueMax:
			e = unix.ERANGE
		case o.Flags&withUndo != 0 && !s.undos[undo].fits(a, list[:i+1], int32(o.Number)):
			e = unix.ERANGE
		}
		if e != 0 {
			for j := i - 1; j >= 0; j-- {
				a.Semaphores[list[j].Number].Value = before[j]
			}
			if o.Flags&noWait != 0 {
				block = Blocking{}
			}
			return block, e
		}
		m.Value = value
	}
	for _, o := range list {
		m := a.Semaphores[o.Number]
		m.Pid = c.PID
		if o.Flags&withUndo != 0 {
			s.undos[undo].add(a.Permissions.Id, int32(o.Number), -int32(o.Add))
		}
	}
	a.OperationTime = s.now()
	for i, o := range list {
		s.changed(a.Semaphores[o.Number], before[i])
	}
	return Blocking{}, 0
}

// changed wakes those who wait for what a semaphore has become.
func (s *System) changed(m *state.SemaphoreT, before int32) {
	switch {
	case m.Value > before:
		s.v.Waits.Wake(wait.ID(m.Id), wait.In)
	case m.Value == 0 && before != 0:
		s.v.Waits.Wake(wait.ID(m.Id), wait.Out)
	}
}

// SetValue is SETVAL and, for each semaphore, SETALL: nothing is to be undone any more.
func (s *System) SetValue(c *Caller, a *Set, number int, value int32) {
	m := a.Semaphores[number]
	before := m.Value
	m.Value, m.Pid = value, c.PID
	for _, u := range s.undos {
		u.forget(a.Permissions.Id, int32(number))
	}
	a.ChangeTime = s.now()
	s.changed(m, before)
}

// undoList is what is to be done when the last of the threads that share it ends.
type undoList struct {
	refs  int
	undos []state.SemaphoreUndoT // by set and number
}

// NewUndo makes a list for one thread.
func (s *System) NewUndo() uint64 {
	id := s.v.NewID()
	s.undos[id] = &undoList{refs: 1}
	return id
}

// ShareUndo adds a thread to a list (CLONE_SYSVSEM).
func (s *System) ShareUndo(id uint64) { s.undos[id].refs++ }

// HoldUndo is for the import of a thread. It reports whether there is such a list.
func (s *System) HoldUndo(id uint64) bool {
	u := s.undos[id]
	if u != nil {
		u.refs++
	}
	return u != nil
}

// LeaveUndo is the end of a thread, or unshare(2): the last one undoes.
func (s *System) LeaveUndo(id uint64, pid int32) {
	u := s.undos[id]
	if u.refs--; u.refs > 0 {
		return
	}
	delete(s.undos, id)
	for _, x := range u.undos {
		a, e := s.Sets.Get(x.Set)
		if e != 0 || x.Add == 0 {
			continue
		}
		m := a.Semaphores[x.Number]
		before := m.Value
		m.Value = min(max(m.Value+x.Add, 0), ValueMax)
		m.Pid = pid
		a.OperationTime = s.now()
		s.changed(m, before)
	}
}

func compareUndo(x state.SemaphoreUndoT, key [2]int32) int {
	return cmp.Or(cmp.Compare(x.Set, key[0]), cmp.Compare(x.Number, key[1]))
}

func (u *undoList) add(set, number, n int32) {
	i, found := slices.BinarySearchFunc(u.undos, [2]int32{set, number}, compareUndo)
	if !found {
		u.undos = slices.Insert(u.undos, i, state.SemaphoreUndoT{Set: set, Number: number})
	}
	u.undos[i].Add += n
}

// fits reports whether what is to be undone of a semaphore stays in its bounds (SEMAEM).
func (u *undoList) fits(a *Set, list []Operation, number int32) bool {
	n := int32(0)
	if i, found := slices.BinarySearchFunc(u.undos, [2]int32{a.Permissions.Id, number}, compareUndo); found {
		n = u.undos[i].Add
	}
	for _, o := range list {
		if int32(o.Number) == number && o.Flags&withUndo != 0 {
			n -= int32(o.Add)
		}
	}
	return n >= -ValueMax-1 && n <= ValueMax
}

// forget drops what is to be undone of a semaphore, or of a whole set with -1.
func (u *undoList) forget(set, number int32) {
	u.undos = slices.DeleteFunc(u.undos, func(x state.SemaphoreUndoT) bool {
		return x.Set == set && (number < 0 || x.Number == number)
	})
}

func (u *undoList) export() (list []*state.SemaphoreUndoT) {
	for _, x := range u.undos {
		list = append(list, &x)
	}
	return list
}

func importUndo(t *state.UndoListT) *undoList {
	u := &undoList{}
	for _, x := range t.Undos {
		u.add(x.Set, x.Number, x.Add)
	}
	return u
}
