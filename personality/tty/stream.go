package tty

import (
	"golang.org/x/sys/unix"

	"starling/ipc/console"
	"starling/personality/state"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// Standard input, output and error of a program whose user has no terminal are byte
// streams of the console server. To programs they look like pipes: fstat(2) says
// FIFO, seeking is ESPIPE, input ends.

// Stream is one of them.
type Stream uint64

const (
	StandardInput Stream = iota
	StandardOutput
	StandardError
	streamCount
)

var streamChannel = [streamCount]console.Channel{console.Terminal, console.Terminal, console.Errors}

var streamAccess = [streamCount]uint32{unix.O_RDONLY, unix.O_WRONLY, unix.O_WRONLY}

// streamBuffer is how much is moved between a program and the wire at once.
const streamBuffer = 4096

type streams struct {
	m     *Manager
	waits [streamCount]wait.ID
}

// streamType is the hidden file system of the streams.
type streamType struct{ s *streams }

func (s *streams) register(m *Manager) {
	s.m = m
	m.v.RegisterType(streamType{s})
}

// Name implements vfs.FSType.
func (streamType) Name() string { return StreamFS }

// Unlisted keeps the type out of /proc/filesystems.
func (streamType) Unlisted() {}

// StreamFS is the name of the hidden file system of the streams.
const StreamFS = "consolefs"

// Mount implements vfs.FSType.
func (streamType) Mount(*vfs.Context, string, string) (*vfs.Super, unix.Errno) {
	return nil, unix.ENODEV
}

// RestoreSuper implements vfs.FSType.
func (streamType) RestoreSuper(s *vfs.Super) unix.Errno {
	s.InCore = true
	return 0
}

// RestoreInode implements vfs.FSType.
func (t streamType) RestoreInode(in *vfs.Inode) unix.Errno {
	if in.Key0 >= uint64(streamCount) {
		return unix.EINVAL
	}
	in.Ops = streamNode{s: t.s}
	return 0
}

// OpenStreams makes the open files of standard input, output and error.
func (m *Manager) OpenStreams() (files [3]*vfs.File, e unix.Errno) {
	mount := m.v.HiddenMount(streamType{&m.streams})
	for i := range streamCount {
		in := m.v.NewInode(mount.Super, unix.S_IFIFO|0600, streamNode{s: &m.streams})
		in.Key0, in.Flags = uint64(i), vfs.InodeOwnOpen
		m.streams.waits[i] = wait.ID(m.v.NewID())
		name := "pipe:[" + decimal(uint32(in.Ino)) + "]"
		files[i], e = m.v.NewHiddenFile(mount, in, name, vfs.KindInode, 0, streamFile{s: &m.streams}, streamAccess[i])
		if e != 0 {
			return files, e
		}
	}
	return files, 0
}

func (s *streams) export(t *state.TerminalsT) {
	t.InputWaits, t.OutputWaits, t.ErrorWaits = uint64(s.waits[0]), uint64(s.waits[1]), uint64(s.waits[2])
}

func (s *streams) restore(t *state.TerminalsT) {
	s.waits = [streamCount]wait.ID{wait.ID(t.InputWaits), wait.ID(t.OutputWaits), wait.ID(t.ErrorWaits)}
}

func (s *streams) notified(bits uint64) {
	if s.waits[StandardInput] == 0 {
		return
	}
	waits := s.m.v.Waits
	if bits&console.InputBit(console.Terminal) != 0 {
		waits.Wake(s.waits[StandardInput], inputEvents|closeEvents)
	}
	if bits&console.SpaceBit(console.Terminal) != 0 {
		waits.Wake(s.waits[StandardOutput], outputEvents)
	}
	if bits&console.SpaceBit(console.Errors) != 0 {
		waits.Wake(s.waits[StandardError], outputEvents)
	}
}

// streamNode opens a stream again, as through /proc/self/fd.
type streamNode struct {
	vfs.NodeBase
	s *streams
}

// Open implements vfs.NodeOps.
func (n streamNode) Open(_ *vfs.Context, f *vfs.File) unix.Errno { return n.Reopen(f) }

// Reopen implements vfs.NodeOps.
func (n streamNode) Reopen(f *vfs.File) unix.Errno {
	f.Ops = streamFile{s: n.s}
	return 0
}

// streamFile is an open stream; the inode's Key0 says which.
type streamFile struct {
	vfs.FileBase
	s *streams
}

func streamOf(f *vfs.File) Stream { return Stream(f.Inode.Key0) }

// Read implements vfs.FileOps.
func (o streamFile) Read(_ *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	if streamOf(f) != StandardInput {
		return 0, unix.EBADF
	}
	var buf [streamBuffer]byte
	done := 0
	for {
		want := min(io.Len(), streamBuffer)
		if want == 0 {
			return done, 0
		}
		n, st, err := o.s.m.wire.Read(console.Terminal, buf[:want])
		if err != nil {
			return done, unix.EIO
		}
		put, e := io.Put(buf[:n])
		done += put
		switch {
		case e != 0 && done > 0, n > 0 && st.Available == 0:
			return done, 0
		case e != 0:
			return done, e
		case n == 0 && done > 0, n == 0 && st.Flags&(console.End|console.Broken) != 0:
			return done, 0
		case n == 0:
			return 0, unix.EAGAIN
		}
	}
}

// Write implements vfs.FileOps.
func (o streamFile) Write(_ *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	if streamOf(f) == StandardInput {
		return 0, unix.EBADF
	}
	done := 0
	for {
		p, e := io.Peek(streamBuffer)
		if e != 0 {
			return done, e
		}
		if len(p) == 0 {
			return done, 0
		}
		n, st, err := o.s.m.wire.Write(streamChannel[streamOf(f)], p)
		if err != nil || st.Flags&console.Broken != 0 {
			return done, unix.EIO
		}
		io.Skip(n)
		done += n
		if n < len(p) {
			return done, unix.EAGAIN
		}
	}
}

// Ready implements vfs.FileOps.
func (o streamFile) Ready(f *vfs.File, mask wait.Events) wait.Events {
	which := streamOf(f)
	st, err := o.s.m.wire.Status(streamChannel[which])
	if err != nil {
		return mask & (wait.Err | inputEvents | outputEvents)
	}
	var ev wait.Events
	if which == StandardInput {
		if st.Available > 0 {
			ev |= inputEvents
		} else if st.Flags&(console.End|console.Broken) != 0 {
			ev |= wait.Hup
		}
	} else {
		if st.Space > 0 {
			ev |= outputEvents
		}
		if st.Flags&console.Broken != 0 {
			ev |= wait.Err
		}
	}
	return ev & mask
}

// WaitID implements vfs.FileOps.
func (o streamFile) WaitID(f *vfs.File) wait.ID { return o.s.waits[streamOf(f)] }

// Ioctl implements vfs.FileOps.
func (o streamFile) Ioctl(c *vfs.Context, f *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	if cmd != unix.TIOCINQ {
		return 0, unix.ENOTTY
	}
	n := 0
	if streamOf(f) == StandardInput {
		if st, err := o.s.m.wire.Status(console.Terminal); err == nil {
			n = st.Available
		}
	}
	return 0, putInt(c, arg, int32(n), 0)
}
