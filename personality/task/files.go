package task

import (
	"starling/personality/sysv"
	"starling/personality/vfs/content"
	"starling/personality/vfs/epoll"
	"starling/personality/vfs/event"
	"starling/personality/vfs/inotify"
	"starling/personality/vfs/mqueue"
	"starling/personality/vfs/pipe"
	"starling/personality/vfs/socket"
	"starling/personality/vfs/tmpfs"
)

// FileModules are the parts of the file layer that the core does not need to know
// and the system calls do.
type FileModules struct {
	Tmpfs   *tmpfs.Type
	Pipes   *pipe.Pipes
	Sockets *socket.Sockets
	Epolls  *epoll.Epolls
	Events  *event.Events
	SystemV *sysv.System
	MQueues *mqueue.Type
	Inotify *inotify.Instances
}

// AddFileModules makes them, with the contents of files in store, and registers
// them with the file layer: tmpfs, pipefs and sockfs are known from then on.
func (k *Core) AddFileModules(store content.Store) {
	k.FileModules = FileModules{
		Tmpfs:   tmpfs.New(k.VFS, store, "tmpfs"),
		Pipes:   pipe.New(k.VFS, store),
		Sockets: socket.New(k.VFS, store),
		Epolls:  epoll.New(k.VFS),
		Events:  event.New(k.VFS, k.Clock),
		MQueues: mqueue.New(k.VFS, k.notifyProcess),
		Inotify: inotify.New(k.VFS),
	}
	k.SystemV = sysv.New(k.VFS, k.Tmpfs, k.actor)
	k.addProbing(store)
	k.TimerFD, k.ClockSet = k.Events.TimerExpired, k.Events.ClockWasSet
	k.VFS.Memory = func() (total, free uint64) {
		s := k.Pager.Stats()
		return s.FramesTotal, s.FramesFree
	}
}
