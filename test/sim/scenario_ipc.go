package sim

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// Commands and flags of System V IPC.
const (
	ipcCreate = 01000
	ipcRemove = 0
	semUndo   = 010000
	semSet    = 16
	semValue  = 12
	semGrow   = 14
)

// semop does operations on semaphores: numbers and what is added, in turn.
func semop(p *kernel.Prog, set int64, flags uint16, pairs ...int16) (r int64) {
	p.Scratch(func() {
		var b []byte
		for i := 0; i < len(pairs); i += 2 {
			b = binary.LittleEndian.AppendUint16(b, uint16(pairs[i]))
			b = binary.LittleEndian.AppendUint16(b, uint16(pairs[i+1]))
			b = binary.LittleEndian.AppendUint16(b, flags)
		}
		r = p.Syscall(unix.SYS_SEMOP, uint64(set), p.Put(b), uint64(len(pairs)/2))
	})
	return r
}

// msgbuf is a struct msgbuf in memory.
func msgbuf(p *kernel.Prog, typ int64, text string) uint64 {
	return p.Put(append(binary.LittleEndian.AppendUint64(nil, uint64(typ)), text...))
}

// told reads what an inotify descriptor has to tell: for each event its watch, its mask and its name.
func told(p *kernel.Prog, fd uint64) (text string) {
	p.Scratch(func() {
		const room, header = 1024, 16
		at := p.Alloc(room)
		n := p.Syscall(unix.SYS_READ, fd, at, room)
		if n < 0 {
			text = result(n)
			return
		}
		for end := at + uint64(n); at < end; at += header + uint64(p.Load32(at+12)) {
			text += fmt.Sprintf(" %d:%#x", p.Load32(at), p.Load32(at+4))
			if p.Load32(at+12) != 0 {
				text += " " + p.String(at+header)
			}
		}
	})
	return text
}

var ipcScenarios = []Scenario{
	{Name: "inotify: a watched directory and a watched file, until they vanish",
		Output: " 1:0x100 f 1:0x20 f 1:0x8 f\n 1:0x40 f 1:0x80 g 2:0x800\n 2:0x4 2:0x400 2:0x8000 1:0x200 g\n 1:0x400 1:0x8000\nEAGAIN\n",
		Main: func(p *kernel.Prog) {
			path(p, unix.SYS_MKDIR, "/tmp/watched", 0o700)
			path(p, unix.SYS_CHDIR, "/tmp/watched")
			q := uint64(ok(p, "inotify_init1", p.Syscall(unix.SYS_INOTIFY_INIT1, unix.IN_NONBLOCK)))
			watch := func(name string, mask, wd uint64) {
				p.Scratch(func() {
					want(p, "inotify_add_watch", p.Syscall(unix.SYS_INOTIFY_ADD_WATCH, q, p.Text(name), mask), int64(wd))
				})
			}
			watch(".", unix.IN_ALL_EVENTS, 1)
			wait(p, p.Fork(func(p *kernel.Prog) { open(p, "f", unix.O_CREAT|unix.O_WRONLY, 0o600) }), 0)
			p.Print(1, told(p, q)+"\n")
			watch("f", unix.IN_ALL_EVENTS, 2)
			p.Scratch(func() { p.Syscall(unix.SYS_RENAME, p.Text("f"), p.Text("g")) })
			p.Print(1, told(p, q)+"\n")
			path(p, unix.SYS_UNLINK, "g")
			p.Print(1, told(p, q)+"\n")
			path(p, unix.SYS_CHDIR, "/")
			path(p, unix.SYS_RMDIR, "/tmp/watched")
			p.Print(1, told(p, q)+"\n"+told(p, q)+"\n")
		}},

	{Name: "System V: a segment is shared, counted, and gone with the last who has it", Output: "written by the child\n",
		Main: func(p *kernel.Prog) {
			id := uint64(ok(p, "shmget", p.Syscall(unix.SYS_SHMGET, 77, 5000, ipcCreate|0600)))
			at := uint64(ok(p, "shmat", p.Syscall(unix.SYS_SHMAT, id, 0, 0)))
			attached := func(p *kernel.Prog, want uint64) {
				p.Scratch(func() {
					d := p.Alloc(112)
					ok(p, "IPC_STAT", p.Syscall(unix.SYS_SHMCTL, id, 2, d))
					check(p, "shm_nattch", p.Load64(d+88) == want)
				})
			}
			attached(p, 1)
			wait(p, p.Fork(func(p *kernel.Prog) {
				attached(p, 2)
				p.Set(at+4097, []byte("written by the child\n\x00"))
				want(p, "shmdt", p.Syscall(unix.SYS_SHMDT, at), 0)
				attached(p, 1)
				again := ok(p, "shmget", p.Syscall(unix.SYS_SHMGET, 77, 0, 0))
				want(p, "found by its key", again, int64(id))
				ok(p, "shmat", p.Syscall(unix.SYS_SHMAT, id, 0, 0))
			}), 0)
			attached(p, 1)
			want(p, "IPC_RMID", p.Syscall(unix.SYS_SHMCTL, id, ipcRemove, 0), 0)
			want(p, "no key finds it", p.Syscall(unix.SYS_SHMGET, 77, 0, 0), fails(unix.ENOENT))
			p.Print(1, p.String(at+4097))
			want(p, "shmdt", p.Syscall(unix.SYS_SHMDT, at), 0)
			want(p, "gone", p.Syscall(unix.SYS_SHMAT, id, 0, 0), fails(unix.EINVAL))
		}},

	{Name: "System V: semaphores hold, go on together, and are undone", Output: "",
		Main: func(p *kernel.Prog) {
			set := ok(p, "semget", p.Syscall(unix.SYS_SEMGET, 0, 2, 0600))
			value := func(p *kernel.Prog, n, is int64) {
				want(p, "value", p.Syscall(unix.SYS_SEMCTL, uint64(set), uint64(n), semValue, 0), is)
			}
			child := p.Fork(func(p *kernel.Prog) {
				want(p, "both", semop(p, set, semUndo, 0, -2, 1, -1), 0)
				value(p, 0, 0)
			})
			for p.Syscall(unix.SYS_SEMCTL, uint64(set), 0, semGrow, 0) != 1 {
				sleep(p, 1e6)
			}
			want(p, "the first is there", semop(p, set, 0, 0, 2), 0)
			value(p, 0, 2) // the child takes both or none
			want(p, "the second too", semop(p, set, 0, 1, 5), 0)
			wait(p, child, 0)
			value(p, 0, 2)
			value(p, 1, 5)
			child = p.Fork(func(p *kernel.Prog) {
				semop(p, set, semUndo, 0, -1)
				semop(p, set, 0, 0, -9)
			})
			for p.Syscall(unix.SYS_SEMCTL, uint64(set), 0, semGrow, 0) != 1 {
				sleep(p, 1e6)
			}
			value(p, 0, 1)
			kill(p, child, unix.SIGKILL)
			wait(p, child, 0)
			value(p, 0, 2)
			child = p.Fork(func(p *kernel.Prog) {
				want(p, "removed while waiting", semop(p, set, 0, 0, -9), fails(unix.EIDRM))
			})
			for p.Syscall(unix.SYS_SEMCTL, uint64(set), 0, semGrow, 0) != 1 {
				sleep(p, 1e6)
			}
			want(p, "IPC_RMID", p.Syscall(unix.SYS_SEMCTL, uint64(set), 0, ipcRemove, 0), 0)
			wait(p, child, 0)
			next := uint64(ok(p, "open", open(p, "/proc/sys/kernel/sem_next_id", unix.O_WRONLY, 0)))
			want(p, "the next identifier", write(p, next, "98309"), 5)
			want(p, "semget", p.Syscall(unix.SYS_SEMGET, 0, 1, 0600), 98309)
			want(p, "IPC_RMID", p.Syscall(unix.SYS_SEMCTL, 98309, 0, ipcRemove, 0), 0)
		}},

	{Name: "System V: messages wait for who wants them, senders for room", Output: "for it\n",
		Main: func(p *kernel.Prog) {
			queue := uint64(ok(p, "msgget", p.Syscall(unix.SYS_MSGGET, 0, 0600)))
			d := p.Alloc(120)
			ok(p, "IPC_STAT", p.Syscall(unix.SYS_MSGCTL, queue, 2, d))
			p.Store64(d+88, 10) // msg_qbytes
			want(p, "IPC_SET", p.Syscall(unix.SYS_MSGCTL, queue, 1, d), 0)
			child := p.Fork(func(p *kernel.Prog) {
				at := p.Alloc(64)
				want(p, "the type it wants", p.Syscall(unix.SYS_MSGRCV, queue, at, 20, 4, 0), 7)
				p.Print(1, p.String(at+8))
				want(p, "one that waits for room", p.Syscall(unix.SYS_MSGRCV, queue, at, 20, 3, 0), 10)
				want(p, "the one that waited", p.Syscall(unix.SYS_MSGRCV, queue, at, 20, 0, 0), 9)
			})
			want(p, "another type", p.Syscall(unix.SYS_MSGSND, queue, msgbuf(p, 3, "0123456789"), 10, 0), 0)
			want(p, "no room", p.Syscall(unix.SYS_MSGSND, queue, msgbuf(p, 4, "for it\n"), 7, 04000), fails(unix.EAGAIN))
			p.Store64(d+88, 17)
			want(p, "IPC_SET", p.Syscall(unix.SYS_MSGCTL, queue, 1, d), 0)
			want(p, "its type", p.Syscall(unix.SYS_MSGSND, queue, msgbuf(p, 4, "for it\n"), 7, 0), 0)
			want(p, "waits for room", p.Syscall(unix.SYS_MSGSND, queue, msgbuf(p, 5, "012345678"), 9, 0), 0)
			wait(p, child, 0)
			want(p, "IPC_RMID", p.Syscall(unix.SYS_MSGCTL, queue, ipcRemove, 0), 0)
		}},

	{Name: "POSIX message queues: the highest priority first, receivers and senders wait, one process is told", Output: "first\nhigh\nlow\n",
		Main: func(p *kernel.Prog) {
			attributes := p.Alloc(64)
			p.Store64(attributes+8, 2)
			p.Store64(attributes+16, 8)
			path(p, unix.SYS_MQ_UNLINK, "queue")
			q := uint64(ok(p, "mq_open", path(p, unix.SYS_MQ_OPEN, "queue", unix.O_RDWR|unix.O_CREAT, 0600, attributes)))
			send := func(p *kernel.Prog, text string, priority uint64) int64 {
				var r int64
				p.Scratch(func() {
					r = p.Syscall(unix.SYS_MQ_TIMEDSEND, q, p.Text(text), uint64(len(text)), priority, 0)
				})
				return r
			}
			receive := func(p *kernel.Prog) {
				p.Scratch(func() {
					at := p.Alloc(16)
					ok(p, "mq_timedreceive", p.Syscall(unix.SYS_MQ_TIMEDRECEIVE, q, at, 8, 0, 0))
					p.Print(1, p.String(at))
				})
			}
			child := p.Fork(func(p *kernel.Prog) {
				receive(p)
				want(p, "waits for room", send(p, "high\n", 9), 0)
			})
			want(p, "to one that waits", send(p, "first\n", 0), 0)
			wait(p, child, 0)
			want(p, "the queue is full", send(p, "low\n", 3), 0)
			receive(p)
			receive(p)
			told := false
			p.Sigaction(int(unix.SIGUSR1), p.Handler(func(*kernel.Prog, int, uint64, uint64) { told = true }), 0, 0)
			event := p.Alloc(64)
			p.Store32(event+8, uint32(unix.SIGUSR1))
			want(p, "mq_notify", p.Syscall(unix.SYS_MQ_NOTIFY, q, event), 0)
			want(p, "twice", p.Syscall(unix.SYS_MQ_NOTIFY, q, event), fails(unix.EBUSY))
			wait(p, p.Fork(func(p *kernel.Prog) { send(p, "x", 1) }), 0)
			check(p, "told", told)
			want(p, "mq_unlink", path(p, unix.SYS_MQ_UNLINK, "queue"), 0)
		}},
}
