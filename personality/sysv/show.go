package sysv

import "fmt"

// The files of /proc/sysvipc, in Linux's columns.

// ShowSegments is /proc/sysvipc/shm.
func (s *System) ShowSegments() []byte {
	b := []byte("       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n")
	s.Segments.Each(func(g *Segment) {
		p := g.Permissions
		b = fmt.Appendf(b, "%10d %10d  %4o %21d %5d %5d  %5d %5d %5d %5d %5d %10d %10d %10d %21d %21d\n", p.Key, p.Id, p.Mode, g.Size, g.Creator, g.Last,
			g.Attached, p.Uid, p.Gid, p.CreatorUid, p.CreatorGid, g.AttachTime, g.DetachTime, g.ChangeTime, g.Resident()*pageSize, 0)
	})
	return b
}

// ShowSets is /proc/sysvipc/sem.
func (s *System) ShowSets() []byte {
	b := []byte("       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n")
	s.Sets.Each(func(a *Set) {
		p := a.Permissions
		b = fmt.Appendf(b, "%10d %10d  %4o %10d %5d %5d %5d %5d %10d %10d\n", p.Key, p.Id, p.Mode, len(a.Semaphores),
			p.Uid, p.Gid, p.CreatorUid, p.CreatorGid, a.OperationTime, a.ChangeTime)
	})
	return b
}

// ShowQueues is /proc/sysvipc/msg.
func (s *System) ShowQueues() []byte {
	b := []byte("       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n")
	s.Queues.Each(func(q *Queue) {
		p := q.Permissions
		b = fmt.Appendf(b, "%10d %10d  %4o  %10d %10d %5d %5d %5d %5d %5d %5d %10d %10d %10d\n", p.Key, p.Id, p.Mode, q.bytes, len(q.Messages),
			q.LastSender, q.LastReceiver, p.Uid, p.Gid, p.CreatorUid, p.CreatorGid, q.SendTime, q.ReceiveTime, q.ChangeTime)
	})
	return b
}
