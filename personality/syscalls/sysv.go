package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/sysv"
	"starling/personality/task"
	"starling/personality/usermem"
)

// System V IPC (sysvipc(7)): what shared memory, semaphores and message queues have in common.

var systemVRows = []Row{
	{unix.SYS_SHMGET, "shmget", shmget, Partial, "no huge pages (SHM_HUGETLB: ENOMEM)"},
	{unix.SYS_SHMAT, "shmat", shmat, Full, ""},
	{unix.SYS_SHMCTL, "shmctl", shmctl, Full, ""},
	{unix.SYS_SHMDT, "shmdt", shmdt, Full, ""},
	{unix.SYS_SEMGET, "semget", semget, Full, ""},
	{unix.SYS_SEMOP, "semop", semop, Full, ""},
	{unix.SYS_SEMTIMEDOP, "semtimedop", semtimedop, Full, ""},
	{unix.SYS_SEMCTL, "semctl", semctl, Full, ""},
	{unix.SYS_MSGGET, "msgget", msgget, Full, ""},
	{unix.SYS_MSGSND, "msgsnd", msgsnd, Full, ""},
	{unix.SYS_MSGRCV, "msgrcv", msgrcv, Full, ""},
	{unix.SYS_MSGCTL, "msgctl", msgctl, Full, ""},
}

// Commands of shmctl(2), semctl(2) and msgctl(2).
const (
	ipcRemove = 0
	ipcSet    = 1
	ipcStat   = 2
	ipcInfo   = 3
)

// layout builds a structure of the instruction set's ABI (asm-generic/ipcbuf.h and its neighbours).
type layout []byte

func (l *layout) u16(list ...uint16) {
	for _, v := range list {
		*l = binary.LittleEndian.AppendUint16(*l, v)
	}
}

func (l *layout) u32(list ...uint32) {
	for _, v := range list {
		*l = binary.LittleEndian.AppendUint32(*l, v)
	}
}

func (l *layout) u64(list ...uint64) {
	for _, v := range list {
		*l = binary.LittleEndian.AppendUint64(*l, v)
	}
}

// permissions is struct ipc64_perm, 48 bytes.
func (l *layout) permissions(p *state.IPCPermissionsT) {
	const indexBits = 15
	l.u32(uint32(p.Key), p.Uid, p.Gid, p.CreatorUid, p.CreatorGid, p.Mode)
	l.u16(uint16(p.Id>>indexBits), 0)
	l.u32(0)
	l.u64(0, 0)
}

// permissionsSize is how long that is.
const permissionsSize = 48

// out is what a command ends with: the structure goes to the program.
func (l layout) out(c *task.Call, va uint64, result int) task.Result {
	if _, e := usermem.CopyOut(c.Mem(), va, l); e != 0 {
		return fail(e)
	}
	return task.Result(result)
}

// readChange reads what IPC_SET takes of a structure of size bytes; the rest of it too, since Linux does.
func readChange(c *task.Call, va uint64, size int) (to sysv.Change, all []byte, e unix.Errno) {
	all = make([]byte, size)
	if _, e := usermem.CopyIn(c.Mem(), all, va); e != 0 {
		return to, nil, e
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(all[at:]) }
	return sysv.Change{UID: word(4), GID: word(8), Mode: word(20)}, all, 0
}
