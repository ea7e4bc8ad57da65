package sysv

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/wait"
)

// Limits of message queues (msgget(2), msgsnd(2)), those of Linux, but for the number of queues and for what all messages
// may take together, which Linux leaves to its memory.
const (
	QueuesMax     = 4096  // MSGMNI
	TextMax       = 8192  // MSGMAX
	QueueBytes    = 16384 // MSGMNB
	messagesBytes = 4 << 20
	messageCost   = 64 // of a message beside its text
)

// Queue is a message queue.
type Queue struct {
	state.MessageQueueT
	bytes uint64 // of all messages
}

func (q *Queue) permissions() *state.IPCPermissionsT { return q.Permissions }

// Bytes is how many bytes the messages have.
func (q *Queue) Bytes() uint64 { return q.bytes }

// Wait is what senders (wait.Out) and receivers (wait.In) wait for.
func (q *Queue) Wait() wait.ID { return wait.ID(q.Id) }

// GetQueue is msgget(2).
func (s *System) GetQueue(c *Caller, key int32, flags uint32) (*Queue, unix.Errno) {
	q, e := s.Queues.find(c, key, flags, func(*Queue) bool { return true })
	switch {
	case e != 0 || q != nil:
		return q, e
	case s.Queues.full():
		return nil, unix.ENOSPC
	}
	q = &Queue{MessageQueueT: state.MessageQueueT{Permissions: c.owned(key, flags), Id: s.v.NewID(), Limit: QueueBytes, ChangeTime: s.now()}}
	s.Queues.add(q)
	return q, 0
}

// SetQueue is IPC_SET. Who waits looks again: it may have lost its permission, or found room.
func (s *System) SetQueue(c *Caller, q *Queue, to Change, limit uint64) unix.Errno {
	if !c.owns(q.Permissions) || limit > QueueBytes && !c.Cred.Has(unix.CAP_SYS_RESOURCE) {
		return unix.EPERM
	}
	c.set(q.Permissions, to)
	q.Limit, q.ChangeTime = limit, s.now()
	s.v.Waits.Wake(q.Wait(), wait.Any)
	return 0
}

// RemoveQueue is IPC_RMID.
func (s *System) RemoveQueue(c *Caller, q *Queue) unix.Errno {
	if !c.owns(q.Permissions) {
		return unix.EPERM
	}
	s.Queues.remove(q)
	s.bytes -= q.bytes
	s.messages -= len(q.Messages)
	s.v.Waits.Wake(q.Wait(), wait.Any)
	return 0
}

// Messages is how many messages there are in all queues, and their bytes.
func (s *System) Messages() (n int, bytes uint64) { return s.messages, s.bytes }

// Send is msgsnd(2). EAGAIN: there is no room.
func (s *System) Send(c *Caller, q *Queue, typ int64, text []byte) unix.Errno {
	n := uint64(len(text))
	switch {
	case q.bytes+n > q.Limit || uint64(len(q.Messages))+1 > q.Limit:
		return unix.EAGAIN
	case s.bytes+n+uint64(s.messages+1)*messageCost > messagesBytes:
		return unix.ENOMEM
	}
	q.Messages = append(q.Messages, &state.SystemMessageT{Type: typ, Text: text})
	q.bytes += n
	s.bytes += n
	s.messages++
	q.LastSender, q.SendTime = c.PID, s.now()
	s.v.Waits.Wake(q.Wait(), wait.In)
	return 0
}

// Find is which message msgrcv(2) means, -1 when there is none yet. except and copied are MSG_EXCEPT
// and MSG_COPY.
func (q *Queue) Find(typ int64, except, copied bool) int {
	best := -1
	for i, m := range q.Messages {
		switch {
		case copied:
			if int64(i) == typ {
				return i
			}
		case typ == 0, typ > 0 && (m.Type == typ) != except:
			return i
		case typ < 0 && (m.Type <= -typ || -typ < 0) && (best < 0 || m.Type < q.Messages[best].Type):
			best = i
		}
	}
	return best
}

// Take takes a message out.
func (s *System) Take(c *Caller, q *Queue, i int) *state.SystemMessageT {
	m := q.Messages[i]
	q.Messages = remove(q.Messages, i)
	q.bytes -= uint64(len(m.Text))
	s.bytes -= uint64(len(m.Text))
	s.messages--
	q.LastReceiver, q.ReceiveTime = c.PID, s.now()
	s.v.Waits.Wake(q.Wait(), wait.Out)
	return m
}
