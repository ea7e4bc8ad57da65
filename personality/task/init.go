package task

import (
	"golang.org/x/sys/unix"

	"starling/personality/cred"
	"starling/personality/signal"
)

// makeInit makes process 1. It has no memory and never runs: it is there to be the
// parent of orphans, which it reaps by ignoring SIGCHLD.
func (k *Core) makeInit() {
	p := k.newProcess(k.newPID())
	k.Init = p
	p.Limits = k.defaultLimits()
	k.joinSession(p, p.Pid)
	k.joinGroup(p, p.Pid)
	t := k.newThread(p, p.Pid)
	t.Comm = "init"
	t.Cred = cred.Root(k.NewID())
	t.Files = k.VFS.NewFDTable()
	t.FS = k.VFS.NewFSContext()
	t.Handlers = signal.New(k.NewID())
	t.Handlers.Of(int32(unix.SIGCHLD)).Handler = signal.Ign
	t.become(Waiting)
}
