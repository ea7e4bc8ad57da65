package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/sysv"
	"starling/personality/task"
	"starling/personality/usermem"
)

// Semaphores of System V (semget(2), semop(2), semctl(2)).

// Commands of semctl(2).
const (
	semGetPID    = 11
	semGetValue  = 12
	semGetAll    = 13
	semGetGrow   = 14 // GETNCNT
	semGetZero   = 15 // GETZCNT
	semSetValue  = 16
	semSetAll    = 17
	semStat      = 18
	semInfo      = 19
	semStatAny   = 20
	operationLen = 6 // bytes of struct sembuf
)

func semget(c *task.Call) task.Result {
	who := c.T.Caller()
	a, e := c.K.SystemV.GetSet(&who, int32(c.Args[0]), int32(c.Args[1]), uint32(c.Args[2]))
	if e != 0 {
		return fail(e)
	}
	return task.Result(a.Permissions.Id)
}

func semop(c *task.Call) task.Result { return operate(c, 0) }

func semtimedop(c *task.Call) task.Result { return operate(c, c.Args[3]) }

// operate is semtimedop(2); timeout is the address of a relative one, or 0.
func operate(c *task.Call, timeout uint64) task.Result {
	id, s := int32(c.Args[0]), c.K.SystemV
	var raw []byte
	if c.Again {
		raw = s.Kept(c.T.WaitNumber())
	} else {
		var e unix.Errno
		if raw, e = readOperations(c, timeout); e != 0 {
			return fail(e)
		}
	}
	list := operations(raw)
	a, e := s.Sets.Get(id)
	if e != 0 {
		if c.Again {
			e = unix.EIDRM
		}
		return fail(e)
	}
	if !c.Again {
		if e := mayOperate(c, a, list); e != 0 {
			return fail(e)
		}
	}
	undo := uint64(0)
	for _, o := range list {
		if o.Flags&semUndo != 0 {
			undo = c.K.UndoList(c.T)
		}
	}
	who := c.T.Caller()
	block, e := s.Operate(&who, a, list, undo)
	if block.ID == 0 || c.TimedOut {
		return fail(e)
	}
	s.Keep(c.T.WaitNumber(), raw)
	return c.BlockWithin(task.Interrupt, c.State.Deadline, c.T.Slack(), task.On{ID: block.ID, Events: block.Events})
}

// semUndo is SEM_UNDO.
const semUndo = 010000

// readOperations reads the arguments of semtimedop(2), the deadline into the call's state.
func readOperations(c *task.Call, timeout uint64) ([]byte, unix.Errno) {
	if timeout != 0 {
		ns, e := getTimespec(c, timeout)
		if e != 0 {
			return nil, e
		}
		c.State.Deadline = clock.SatAdd(c.K.Now(), ns)
	}
	n := uint32(c.Args[2])
	switch {
	case n > sysv.OperationsMax:
		return nil, unix.E2BIG
	case n == 0:
		return nil, unix.EINVAL
	}
	raw := make([]byte, n*operationLen)
	if _, e := usermem.CopyIn(c.Mem(), raw, c.Args[1]); e != 0 {
		return nil, e
	}
	if int32(c.Args[0]) < 0 {
		return nil, unix.EINVAL
	}
	return raw, 0
}

func operations(raw []byte) []sysv.Operation {
	list := make([]sysv.Operation, len(raw)/operationLen)
	for i := range list {
		b := raw[i*operationLen:]
		list[i] = sysv.Operation{Number: binary.LittleEndian.Uint16(b), Add: int16(binary.LittleEndian.Uint16(b[2:])),
			Flags: int16(binary.LittleEndian.Uint16(b[4:]))}
	}
	return list
}

// mayOperate checks what does not depend on values.
func mayOperate(c *task.Call, a *sysv.Set, list []sysv.Operation) unix.Errno {
	want := uint32(sysv.MayRead)
	for _, o := range list {
		if int(o.Number) >= len(a.Semaphores) {
			return unix.EFBIG
		}
		if o.Add != 0 {
			want = sysv.MayWrite
		}
	}
	if who := c.T.Caller(); !who.May(a.Permissions, want) {
		return unix.EACCES
	}
	return 0
}

func semctl(c *task.Call) task.Result {
	id, command, va := int32(c.Args[0]), int32(c.Args[2]), c.Args[3]
	s, who := c.K.SystemV, c.T.Caller()
	if id < 0 {
		return fail(unix.EINVAL)
	}
	var to sysv.Change
	switch command {
	case ipcSet:
		var e unix.Errno
		if to, _, e = readChange(c, va, semaphoreSetSize); e != 0 {
			return fail(e)
		}
	case ipcInfo, semInfo:
		return setLimits(s, command == semInfo).out(c, va, s.Sets.Highest())
	case semStat, semStatAny:
		a, e := s.Sets.At(id)
		if e != 0 {
			return fail(e)
		}
		if command == semStat && !who.May(a.Permissions, sysv.MayRead) {
			return fail(unix.EACCES)
		}
		return setLayout(a).out(c, va, int(a.Permissions.Id))
	case semSetValue:
		if value := int32(va); value < 0 || value > sysv.ValueMax {
			return fail(unix.ERANGE)
		}
	case ipcStat, ipcRemove, semGetPID, semGetValue, semGetAll, semGetGrow, semGetZero, semSetAll:
	default:
		return fail(unix.EINVAL)
	}
	a, e := s.Sets.Get(id)
	if e != 0 {
		return fail(e)
	}
	switch command {
	case ipcSet:
		return fail(s.SetSet(&who, a, to))
	case ipcRemove:
		return fail(s.RemoveSet(&who, a))
	case ipcStat:
		if !who.May(a.Permissions, sysv.MayRead) {
			return fail(unix.EACCES)
		}
		return setLayout(a).out(c, va, 0)
	}
	return semaphoreControl(c, a, command)
}

// semaphoreControl is the commands about the semaphores of a set.
func semaphoreControl(c *task.Call, a *sysv.Set, command int32) task.Result {
	number, va := int32(c.Args[1]), c.Args[3]
	s, who := c.K.SystemV, c.T.Caller()
	inside := number >= 0 && int(number) < len(a.Semaphores)
	if command == semSetValue && !inside {
		return fail(unix.EINVAL)
	}
	want := uint32(sysv.MayRead)
	if command == semSetValue || command == semSetAll {
		want = sysv.MayWrite
	}
	if !who.May(a.Permissions, want) {
		return fail(unix.EACCES)
	}
	switch command {
	case semGetAll:
		var l layout
		for _, m := range a.Semaphores {
			l.u16(uint16(m.Value))
		}
		return l.out(c, va, 0)
	case semSetAll:
		return setAll(c, a)
	}
	if !inside {
		return fail(unix.EINVAL)
	}
	switch command {
	case semSetValue:
		s.SetValue(&who, a, int(number), int32(va))
		return 0
	case semGetPID:
		return task.Result(a.Semaphores[number].Pid)
	case semGetValue:
		return task.Result(a.Semaphores[number].Value)
	}
	return task.Result(s.Waiting(a, int(number), command == semGetZero))
}

// setAll is SETALL.
func setAll(c *task.Call, a *sysv.Set) task.Result {
	raw := make([]byte, 2*len(a.Semaphores))
	if _, e := usermem.CopyIn(c.Mem(), raw, c.Args[3]); e != 0 {
		return fail(e)
	}
	for i := range a.Semaphores {
		if binary.LittleEndian.Uint16(raw[2*i:]) > sysv.ValueMax {
			return fail(unix.ERANGE)
		}
	}
	who := c.T.Caller()
	for i := range a.Semaphores {
		c.K.SystemV.SetValue(&who, a, i, int32(binary.LittleEndian.Uint16(raw[2*i:])))
	}
	return 0
}

// semaphoreSetSize is the length of struct semid64_ds.
const semaphoreSetSize = permissionsSize + 56

func setLayout(a *sysv.Set) (l layout) {
	l.permissions(a.Permissions)
	l.u64(uint64(a.OperationTime), 0, uint64(a.ChangeTime), 0, uint64(len(a.Semaphores)), 0, 0)
	return l
}

// setLimits is struct seminfo, with what is in use for SEM_INFO.
func setLimits(s *sysv.System, used bool) (l layout) {
	const undoSize = 20
	size, most := uint32(undoSize), uint32(sysv.ValueMax)
	if used {
		size, most = uint32(s.Sets.Used()), uint32(s.Semaphores())
	}
	l.u32(sysv.SemaphoresMax, sysv.SetsMax, sysv.SemaphoresMax, sysv.SemaphoresMax, sysv.PerSet, sysv.OperationsMax, sysv.OperationsMax,
		size, sysv.ValueMax, most)
	return l
}
