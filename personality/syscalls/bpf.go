package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/bpf"
	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// bpfAttr is union bpf_attr: as much as the caller gave, the rest zeros.
type bpfAttr [bpfAttrSize]byte

// bpfAttrSize is how much of union bpf_attr is known; what is behind it must be zero.
const bpfAttrSize = 168

func (a *bpfAttr) u32(at int) uint32 { return binary.LittleEndian.Uint32(a[at:]) }
func (a *bpfAttr) u64(at int) uint64 { return binary.LittleEndian.Uint64(a[at:]) }

// name is a name of at most 15 bytes. EINVAL for one with other than letters, digits, '_' and '.'.
func (a *bpfAttr) name(at int) (string, unix.Errno) {
	b := a[at : at+unix.BPF_OBJ_NAME_LEN]
	for i, c := range b {
		if c == 0 {
			if s := string(b[:i]); bpf.ValidName(s) {
				return s, 0
			}
			break
		}
	}
	return "", unix.EINVAL
}

// bpfCall is one command of bpf(2). It writes back what it has changed of the attributes itself.
type bpfCall struct {
	*task.Call
	x    *vfs.Context
	attr bpfAttr
	at   uint64 // of the attributes in the program
	size uint64
}

// bpfCommands by number. size is how many bytes of the attributes the command knows: CHECK_ATTR of Linux.
var bpfCommands = map[uint64]struct {
	size int
	run  func(c *bpfCall) task.Result
}{
	unix.BPF_MAP_CREATE:                 {72, bpfMapCreate},
	unix.BPF_MAP_LOOKUP_ELEM:            {32, bpfMapLookup},
	unix.BPF_MAP_UPDATE_ELEM:            {32, bpfMapUpdate},
	unix.BPF_MAP_DELETE_ELEM:            {16, bpfMapDelete},
	unix.BPF_MAP_GET_NEXT_KEY:           {24, bpfMapNext},
	unix.BPF_MAP_LOOKUP_AND_DELETE_ELEM: {32, bpfMapTake},
	unix.BPF_MAP_FREEZE:                 {4, bpfMapFreeze},
	unix.BPF_PROG_LOAD:                  {148, bpfProgramLoad},
	unix.BPF_OBJ_PIN:                    {20, bpfPin},
	unix.BPF_OBJ_GET:                    {20, bpfPinned},
	unix.BPF_BTF_LOAD:                   {32, bpfBTFLoad},
	unix.BPF_LINK_CREATE:                {64, bpfLinkCreate},
	unix.BPF_OBJ_GET_INFO_BY_FD:         {16, bpfInfo},
	unix.BPF_PROG_GET_NEXT_ID:           {12, bpfNextProgram},
	unix.BPF_MAP_GET_NEXT_ID:            {12, bpfNextMap},
	unix.BPF_BTF_GET_NEXT_ID:            {12, bpfNextBTF},
	bpfLinkGetNextID:                    {12, bpfNextLink},
	unix.BPF_PROG_GET_FD_BY_ID:          {12, bpfProgramByID},
	unix.BPF_MAP_GET_FD_BY_ID:           {12, bpfMapByID},
	unix.BPF_BTF_GET_FD_BY_ID:           {12, bpfBTFByID},
	bpfLinkGetFDByID:                    {12, bpfLinkByID},
	bpfProgBindMap:                      {12, bpfBindMap},
	bpfLinkDetach:                       {4, bpfDetach},
}

// Commands by number that x/sys/unix may not have, and how many there are.
const (
	bpfLinkGetFDByID = 30
	bpfLinkGetNextID = 31
	bpfLinkDetach    = 34
	bpfProgBindMap   = 35

	bpfMaxAttr = 4096
)

// bpfSyscall is bpf(2). Commands that do not exist, and those that are not supported, are EINVAL.
func bpfSyscall(c *task.Call) task.Result {
	command, at, size := c.Args[0]&0xffffffff, c.Args[1], c.Args[2]&0xffffffff
	if !c.T.Cred.Has(unix.CAP_BPF) && !c.T.Cred.Has(unix.CAP_SYS_ADMIN) {
		return fail(unix.EPERM)
	}
	if size > bpfMaxAttr {
		return fail(unix.E2BIG)
	}
	b := bpfCall{Call: c, at: at, size: size}
	if e := usermem.CopyInStruct(c.Mem(), b.attr[:], at, size); e != 0 {
		return fail(e)
	}
	cmd, ok := bpfCommands[command]
	if !ok || !allZero(b.attr[cmd.size:]) {
		return fail(unix.EINVAL)
	}
	b.x = fileContext(c)
	return cmd.run(&b)
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// descriptor puts a new file into the caller's table; it is closed at an execve(2).
func (c *bpfCall) descriptor(f *vfs.File, e unix.Errno) task.Result {
	if e != 0 {
		return fail(e)
	}
	fd, e := c.x.Alloc(f, 0, true)
	return either(int64(fd), e)
}

// mapAt is the map of a descriptor. EBADF: there is no such descriptor; EINVAL: it is no map.
func (c *bpfCall) mapAt(fd uint32) (*bpf.Map, unix.Errno) {
	f := openFile(c.x, uint64(fd))
	if f == nil {
		return nil, unix.EBADF
	}
	if m := bpf.MapOf(f); m != nil {
		return m, 0
	}
	return nil, unix.EINVAL
}

func bpfMapCreate(c *bpfCall) task.Result {
	a := &c.attr
	name, e := a.name(28)
	if e != 0 {
		return fail(e)
	}
	inner, device, extra, structID := a.u32(20), a.u32(44), a.u64(64), a.u32(60)
	if inner != 0 || device != 0 || extra != 0 || structID != 0 {
		return fail(unix.EINVAL)
	}
	spec := bpf.Spec{Type: a.u32(0), KeySize: a.u32(4), ValueSize: a.u32(8), MaxEntries: a.u32(12), Flags: a.u32(16), Name: name}
	if e := spec.Check(); e != 0 {
		return fail(e)
	}
	if btf := a.u32(48); btf != 0 || a.u32(52) != 0 || a.u32(56) != 0 {
		// What keys and values look like matters to tools only.
		f := openFile(c.x, uint64(btf))
		if f == nil {
			return fail(unix.EBADF)
		}
		if bpf.BTFOf(f) == nil || a.u32(56) == 0 {
			return fail(unix.EINVAL)
		}
	}
	m, e := c.K.BPF.NewMap(spec)
	if e != 0 {
		return fail(e)
	}
	return c.descriptor(c.K.BPF.MapFile(m))
}

// element is the map, key and address of the value of a command about an element.
func (c *bpfCall) element(write bool) (m *bpf.Map, key []byte, value uint64, e unix.Errno) {
	a := &c.attr
	if m, e = c.mapAt(a.u32(0)); e != 0 {
		return nil, nil, 0, e
	}
	if e = m.SyscallMay(write); e != 0 {
		return nil, nil, 0, e
	}
	key = make([]byte, m.KeySize)
	_, e = usermem.CopyIn(c.Mem(), key, a.u64(8))
	return m, key, a.u64(16), e
}

func bpfMapLookup(c *bpfCall) task.Result {
	m, key, at, e := c.element(false)
	if e != 0 {
		return fail(e)
	}
	if c.attr.u64(24) != 0 {
		return fail(unix.EINVAL)
	}
	v, e := m.Lookup(key)
	if e != 0 {
		return fail(e)
	}
	_, e = usermem.CopyOut(c.Mem(), at, v)
	return fail(e)
}

func bpfMapUpdate(c *bpfCall) task.Result {
	m, key, at, e := c.element(true)
	if e != 0 {
		return fail(e)
	}
	value := make([]byte, m.UserValueSize())
	if _, e := usermem.CopyIn(c.Mem(), value, at); e != 0 {
		return fail(e)
	}
	if m.Type == unix.BPF_MAP_TYPE_PERF_EVENT_ARRAY {
		f := openFile(c.x, uint64(binary.LittleEndian.Uint32(value)))
		if f == nil {
			return fail(unix.EBADF)
		}
		return fail(m.PutOutput(key, f, openFile(c.x, uint64(c.attr.u32(0))), c.attr.u64(24)))
	}
	return fail(m.Update(key, value[:m.ValueSize], c.attr.u64(24)))
}

func bpfMapDelete(c *bpfCall) task.Result {
	m, key, _, e := c.element(true)
	if e != 0 {
		return fail(e)
	}
	return fail(m.Delete(key))
}

func bpfMapTake(c *bpfCall) task.Result {
	m, key, at, e := c.element(true)
	if e != 0 {
		return fail(e)
	}
	if c.attr.u64(24) != 0 {
		return fail(unix.EINVAL)
	}
	v, e := m.Lookup(key)
	if e == 0 {
		_, e = usermem.CopyOut(c.Mem(), at, v)
	}
	if e == 0 {
		if e = m.Delete(key); e == unix.EINVAL {
			e = unix.ENOTSUP // elements of an array do not go
		}
	}
	return fail(e)
}

func bpfMapNext(c *bpfCall) task.Result {
	a := &c.attr
	m, e := c.mapAt(a.u32(0))
	if e == 0 {
		e = m.SyscallMay(false)
	}
	if e != 0 {
		return fail(e)
	}
	var key []byte
	if at := a.u64(8); at != 0 {
		key = make([]byte, m.KeySize)
		if _, e := usermem.CopyIn(c.Mem(), key, at); e != 0 {
			return fail(e)
		}
	}
	next, e := m.Next(key)
	if e != 0 {
		return fail(e)
	}
	_, e = usermem.CopyOut(c.Mem(), a.u64(16), next)
	return fail(e)
}

func bpfMapFreeze(c *bpfCall) task.Result {
	m, e := c.mapAt(c.attr.u32(0))
	switch {
	case e != 0:
		return fail(e)
	case m.Frozen:
		return fail(unix.EBUSY)
	}
	m.Frozen = true
	return 0
}

// Bounds of what BPF_PROG_LOAD reads: the license, and instructions in units of 8 bytes.
const (
	maxLicense      = 127
	maxInstructions = 1 << 16
	// verifyRoom in bytes is what verifying takes for each instruction, its states among it.
	verifyRoom = 256
)

func bpfProgramLoad(c *bpfCall) task.Result {
	a := &c.attr
	kind, count, insns := a.u32(0), a.u32(4), a.u64(8)
	logLevel, logSize, logAt := a.u32(24), a.u32(28), a.u64(32)
	name, e := a.name(48)
	if e != 0 {
		return fail(e)
	}
	const strict, anyAlign, sleepable = 1, 2, 1 << 4
	flags, attachType, device := a.u32(44), a.u32(68), a.u32(64)
	if flags&^(strict|anyAlign) != 0 || device != 0 || !attachable(kind, attachType) || a.u32(108) != 0 || a.u32(112) != 0 {
		return fail(unix.EINVAL) // among them programs that may sleep, and those that attach to functions of a kernel
	}
	if logLevel != 0 && (logAt == 0 || logSize == 0) || logLevel == 0 && logSize != 0 && logAt == 0 {
		return fail(unix.EINVAL)
	}
	if count == 0 || count > maxInstructions {
		return fail(unix.E2BIG)
	}
	license, e := usermem.String(c.Mem(), a.u64(16), maxLicense)
	if e != 0 {
		return fail(e)
	}
	if !c.K.RoomFor(verifyRoom * uint64(count)) {
		return fail(unix.ENOMEM)
	}
	code := make([]byte, 8*count)
	if _, e := usermem.CopyIn(c.Mem(), code, insns); e != 0 {
		return fail(e)
	}
	types, e := c.types(a.u32(72), a.u32(88), a.u32(104))
	if e != 0 {
		return fail(e)
	}
	p, log, e := c.K.BPF.NewProgram(&bpf.Load{Type: kind, Name: name, License: license, Code: code, UID: c.T.Cred.UID,
		Now: c.K.Now(), BTF: types, AttachType: attachType, Maps: c.programMap})
	if logLevel != 0 || logSize != 0 {
		if le := c.putLog(logAt, logSize, 140, log); le != 0 {
			if p != nil {
				p.Put()
			}
			return fail(le)
		}
	}
	if e != 0 {
		return fail(e)
	}
	return c.descriptor(c.K.BPF.ProgramFile(p))
}

// attachable reports whether programs of a type may say that they are to be attached like that.
func attachable(kind, attachType uint32) bool {
	return attachType == 0 || attachType == bpf.UprobeMulti && kind == unix.BPF_PROG_TYPE_KPROBE
}

// types is the number of the types that a program comes with. Descriptions of functions and lines need some.
func (c *bpfCall) types(fd, functions, lines uint32) (uint32, unix.Errno) {
	if fd == 0 && functions == 0 && lines == 0 {
		return 0, 0
	}
	f := openFile(c.x, uint64(fd))
	if f == nil {
		return 0, unix.EBADF
	}
	b := bpf.BTFOf(f)
	if b == nil {
		return 0, unix.EINVAL
	}
	return b.Id, 0
}

// programMap finds a map that a program names, by descriptor or by place in fd_array.
func (c *bpfCall) programMap(fd int32, indexed bool) (*bpf.Map, unix.Errno) {
	if indexed {
		v, e := usermem.Read32(c.Mem(), c.attr.u64(120)+4*uint64(uint32(fd)))
		if e != 0 {
			return nil, e
		}
		fd = int32(v)
	}
	return c.mapAt(uint32(fd))
}

// putLog writes the log and, where the caller's attributes have it, its true size. ENOSPC: it was cut off.
func (c *bpfCall) putLog(at uint64, size uint32, trueSizeAt uint64, log string) unix.Errno {
	b := append([]byte(log), 0)
	n := min(len(b), int(size))
	if n > 0 {
		b[n-1] = 0
		if _, e := usermem.CopyOut(c.Mem(), at, b[:n]); e != 0 {
			return unix.EFAULT
		}
	}
	if c.size >= trueSizeAt+4 {
		if e := usermem.Write32(c.Mem(), c.at+trueSizeAt, uint32(len(log)+1)); e != 0 {
			return e
		}
	}
	if n < len(b) {
		return unix.ENOSPC
	}
	return 0
}

func bpfBTFLoad(c *bpfCall) task.Result {
	a := &c.attr
	size, logSize, logLevel := a.u32(16), a.u32(20), a.u32(24)
	const most = 16 << 20
	if size == 0 || a.u32(28+4) != 0 {
		return fail(unix.EINVAL)
	}
	if size > most {
		return fail(unix.E2BIG)
	}
	data := make([]byte, min(size, 2<<20))
	if _, e := usermem.CopyIn(c.Mem(), data, a.u64(0)); e != 0 {
		return fail(e)
	}
	b, e := c.K.BPF.NewBTF(data)
	if logLevel != 0 && logSize != 0 {
		text := ""
		if e != 0 {
			text = "the types are not valid\n"
		}
		if le := c.putLog(a.u64(8), logSize, 28, text); le != 0 && e == 0 {
			b.Put()
			return fail(le)
		}
	}
	if e != 0 {
		return fail(e)
	}
	return c.descriptor(c.K.BPF.BTFFile(b))
}

// bpfPerfEvent is the attach type BPF_PERF_EVENT.
const bpfPerfEvent = 41

// bpfLinkCreate attaches a program to an event, or to places of a file.
func bpfLinkCreate(c *bpfCall) task.Result {
	a := &c.attr
	f := openFile(c.x, uint64(a.u32(0)))
	if f == nil {
		return fail(unix.EBADF)
	}
	p := bpf.ProgramOf(f)
	if p == nil {
		return fail(unix.EINVAL)
	}
	switch attachType := a.u32(8); {
	case attachType == bpf.UprobeMulti && p.Probe():
		return bpfLinkPlaces(c, p)
	case attachType != bpfPerfEvent || p.Multi() || a.u32(12) != 0 || !allZero(a[24:64]):
		return fail(unix.EINVAL)
	}
	target := openFile(c.x, uint64(a.u32(4)))
	if target == nil {
		return fail(unix.EBADF)
	}
	return c.descriptor(c.K.Perf.Attach(p, target, a.u64(16)))
}

// bpfDetach is BPF_LINK_DETACH, which links of events do not do.
func bpfDetach(c *bpfCall) task.Result {
	if f := openFile(c.x, uint64(c.attr.u32(0))); f == nil {
		return fail(unix.EBADF)
	}
	return fail(unix.EOPNOTSUPP)
}

// bpfBindMap keeps a map as long as a program; programs keep those that they name.
func bpfBindMap(c *bpfCall) task.Result {
	f := openFile(c.x, uint64(c.attr.u32(0)))
	if f == nil {
		return fail(unix.EBADF)
	}
	p := bpf.ProgramOf(f)
	if p == nil || c.attr.u32(8) != 0 {
		return fail(unix.EINVAL)
	}
	m, e := c.mapAt(c.attr.u32(4))
	if e != 0 {
		return fail(e)
	}
	p.Bind(m)
	return 0
}
