package task

import (
	"debug/elf"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/cred"
	"starling/personality/loader"
	"starling/personality/mm"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// Entries of the auxiliary vector (getauxval(3)).
const (
	auxPHdr      = 3
	auxPHEnt     = 4
	auxPHNum     = 5
	auxPageSize  = 6
	auxBase      = 7
	auxFlags     = 8
	auxEntry     = 9
	auxUID       = 11
	auxEUID      = 12
	auxGID       = 13
	auxEGID      = 14
	auxHWCap     = 16
	auxClock     = 17
	auxSecure    = 23
	auxHWCap2    = 26
	auxRseqSize  = 27
	auxRseqAlign = 28
	auxVDSO      = 33
	auxMinStack  = 51
	phEntrySize  = 56
	initialStack = 128 << 10 // beyond what is on it (setup_arg_pages)
	scriptDepth  = 5         // interpreters of interpreters, as Linux allows
)

// personaNoRandomize is ADDR_NO_RANDOMIZE of personality(2).
const personaNoRandomize = 0x0040000

// program is an executable that has been read and laid out: everything execve(2)
// needs before the point of no return.
type program struct {
	space     *mm.Space
	entry, sp uint64
	comm      string
}

// reader reads an executable for the loader.
type reader struct {
	x *vfs.Context
	f *vfs.File
}

// ReadAt implements loader.File.
func (r reader) ReadAt(b []byte, off int64) (int, unix.Errno) {
	done := 0
	for done < len(b) {
		var io usermem.IO
		io.InitBytes(b[done:])
		n, e := r.f.Ops.Read(r.x, r.f, &io, off+int64(done))
		if e != 0 {
			return done, e
		}
		if n == 0 {
			break
		}
		done += n
	}
	return done, 0
}

// load reads an executable for thread t; it takes over the reference to the file.
func (k *Core) load(t *Thread, what Executable) (*program, unix.Errno) {
	x := k.FileContext(t)
	x.OpenLimit = vfs.MaxDescriptors
	file, execName, argv := what.File, what.Name, what.Argv
	for depth := 0; ; depth++ {
		var head [loader.ScriptHead]byte
		n, e := (reader{x, file}).ReadAt(head[:], 0)
		if e != 0 {
			k.VFS.Put(file)
			return nil, e
		}
		if n < 2 || head[0] != '#' || head[1] != '!' {
			break
		}
		interpreter, argument, ok := loader.Script(head[:n])
		k.VFS.Put(file)
		if !ok {
			return nil, unix.ENOEXEC
		}
		if what.Closes {
			return nil, unix.ENOENT
		}
		if depth == scriptDepth {
			return nil, unix.ELOOP
		}
		args := []string{interpreter}
		if argument != "" {
			args = append(args, argument)
		}
		args = append(args, execName)
		if len(argv) > 1 {
			args = append(args, argv[1:]...)
		}
		argv, execName = args, interpreter
		if file, e = x.OpenExec(unix.AT_FDCWD, []byte(interpreter), 0); e != 0 {
			return nil, e
		}
	}
	p, e := k.loadELF(t, x, file, execName, argv, what.Envp)
	k.VFS.Put(file)
	if e != 0 {
		return nil, e
	}
	p.comm = baseName(what.Name)
	return p, 0
}

func baseName(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			path = path[i+1:]
			break
		}
	}
	const commLength = 15 // TASK_COMM_LEN - 1
	return path[:min(len(path), commLength)]
}

// loadELF lays an ELF executable out in a new space.
func (k *Core) loadELF(t *Thread, x *vfs.Context, f *vfs.File, name string, argv, envp []string) (*program, unix.Errno) {
	im, e := loader.ParseELF(reader{x, f}, elf.Machine(isa.ELFMachine), isa.TaskSize)
	if e != 0 {
		return nil, e
	}
	var interp *loader.Image
	var interpFile *vfs.File
	if im.Interpreter != "" {
		if interpFile, e = x.OpenExec(unix.AT_FDCWD, []byte(im.Interpreter), 0); e != 0 {
			return nil, e
		}
		defer k.VFS.Put(interpFile)
		interp, e = loader.ParseELF(reader{x, interpFile}, elf.Machine(isa.ELFMachine), isa.TaskSize)
		if e == unix.ENOEXEC {
			e = unix.ELIBBAD
		}
		if e != 0 {
			return nil, e
		}
	}
	stackLimit := t.Proc.Limits[rlimitStack].Cur
	randomize := k.Randomize && t.Proc.Persona&personaNoRandomize == 0
	s := k.MM.New(stackLimit, randomize)
	if t.MM != nil {
		s.DumpFilter = t.MM.DumpFilter
	}
	if c := t.Cred; c.UID != c.EUID || c.GID != c.EGID || !x.MayRead(f.Inode) {
		s.Dumpable = 0 // its memory is not for who started it (begin_new_exec, would_dump)
	}
	p := &program{space: s}
	if e := k.mapProgram(t, x, p, f, im, interpFile, interp, randomize, name, argv, envp, stackLimit); e != 0 {
		s.Put()
		return nil, e
	}
	return p, 0
}

// mapped is an image with its place in the space.
type mapped struct {
	im   *loader.Image
	bias uint64
}

func (m *mapped) entry() uint64 { return m.im.Entry + m.bias }

// zeroed is a piece of memory behind a segment's file contents that must read as zeros.
type zeroed struct{ at, n uint64 }

func (k *Core) mapProgram(t *Thread, x *vfs.Context, p *program, f *vfs.File, im *loader.Image,
	interpFile *vfs.File, interp *loader.Image, randomize bool, name string, argv, envp []string, stackLimit uint64) unix.Errno {
	s := p.space
	var zero []zeroed
	main := mapped{im: im}
	switch {
	case im.Relocatable && interp != nil:
		main.bias = isa.DynamicBase
		if randomize {
			main.bias += k.random(1<<isa.MapRandomBits) * isa.PageSize
		}
		main.bias = main.bias&^(im.Align-1) - im.Low&^(im.Align-1)
	case im.Relocatable:
		base, ok := s.Reserve(im.High-im.Low, im.Align)
		if !ok {
			return unix.ENOMEM
		}
		main.bias = base - im.Low
	}
	if e := k.mapImage(x, s, f, &main, &zero); e != 0 {
		return e
	}
	entry, base := main.entry(), uint64(0)
	if interp != nil {
		in := mapped{im: interp}
		if interp.Relocatable {
			at, ok := s.Reserve(interp.High-interp.Low, interp.Align)
			if !ok {
				return unix.ENOMEM
			}
			in.bias = at - interp.Low
		}
		if e := k.mapImage(x, s, interpFile, &in, &zero); e != 0 {
			return e
		}
		entry, base = in.entry(), in.bias+interp.Low
	}
	if e := s.MapVDSO(); e != 0 {
		return e
	}
	s.SetImage(codeOf(&main))
	brk := im.High + main.bias
	if randomize {
		if im.Relocatable && interp == nil {
			brk = isa.DynamicBase // far from the maps, so that the heap can grow
		}
		// To a whole page: what is left of one is part of no mapping here (randomize_page of
		// Linux's mm/util.c).
		brk = (brk+isa.PageSize-1)&^(isa.PageSize-1) + k.random(isa.BreakRandom/isa.PageSize)*isa.PageSize
	}
	s.BreakStart, s.BreakEnd = brk, brk

	var random [16]byte
	k.Rand(random[:])
	if !k.RoomFor(loader.StackSize(name, argv, envp)) {
		return unix.ENOMEM
	}
	st, e := loader.Stack(s.StackStart, name, argv, envp, isa.Platform, random, k.auxiliary(t, s, &main, entry, base), loader.ArgumentLimit(stackLimit))
	if e != 0 {
		return e
	}
	if e := s.MapStack(uint64(len(st.Bytes)), initialStack, stackLimit, im.ExecutableStack); e != 0 {
		return e
	}
	first := st.SP &^ (isa.PageSize - 1)
	if e := s.Commit(first, (s.StackStart-first)/isa.PageSize); e != 0 {
		return e
	}
	if _, e := usermem.CopyOut(s, st.SP, st.Bytes); e != 0 {
		return unix.ENOMEM
	}
	for _, z := range zero {
		if e := usermem.Zero(s, z.at, int(z.n)); e == unix.ENOMEM {
			return e
		}
	}
	s.ArgStart, s.ArgEnd, s.EnvStart, s.EnvEnd = st.ArgStart, st.ArgEnd, st.EnvStart, st.EnvEnd
	s.SetAuxv(st.Aux)
	f.Get()
	s.SetExe(f)
	s.StackStart = st.SP
	p.entry, p.sp = entry, st.SP
	return 0
}

// codeOf is where code and data of the program lie, for /proc/PID/stat.
func codeOf(m *mapped) (codeStart, codeEnd, dataStart, dataEnd uint64) {
	codeStart = ^uint64(0)
	for _, g := range m.im.Segments {
		from, to := g.Address+m.bias, g.Address+m.bias+g.FileSize
		if g.Access&ipc.Execute != 0 {
			codeStart, codeEnd = min(codeStart, from), max(codeEnd, to)
		}
		dataStart = max(dataStart, from)
		dataEnd = max(dataEnd, to)
	}
	return codeStart, codeEnd, dataStart, dataEnd
}

// mapImage maps the segments of an image.
func (k *Core) mapImage(x *vfs.Context, s *mm.Space, f *vfs.File, m *mapped, zero *[]zeroed) unix.Errno {
	what, e := f.Ops.Map(x, f)
	if e != 0 {
		return e
	}
	const mask = isa.PageSize - 1
	for _, g := range m.im.Segments {
		at := g.Address + m.bias
		start := at &^ mask
		fileEnd := at + g.FileSize
		memEnd := (at + g.MemSize + mask) &^ mask
		mapEnd := start
		if g.FileSize > 0 {
			mapEnd = (fileEnd + mask) &^ mask
			q := mm.Request{Address: start, Length: mapEnd - start, Access: g.Access, Fixed: true,
				File: f, Mapping: what, Offset: g.Offset &^ mask}
			if _, e := s.Map(&q, nil); e != 0 {
				return e
			}
		}
		if memEnd > mapEnd {
			q := mm.Request{Address: mapEnd, Length: memEnd - mapEnd, Access: g.Access, Fixed: true}
			if _, e := s.Map(&q, nil); e != 0 {
				return e
			}
		}
		if g.MemSize > g.FileSize && fileEnd < mapEnd && g.Access&ipc.Write != 0 {
			*zero = append(*zero, zeroed{fileEnd, mapEnd - fileEnd})
		}
	}
	return 0
}

// auxiliary is the auxiliary vector in Linux's order.
func (k *Core) auxiliary(t *Thread, s *mm.Space, m *mapped, entry, base uint64) []loader.Aux {
	c := execCredentials(t.Cred, 0)
	secure := uint64(0)
	if c.EUID != c.UID || c.EGID != c.GID {
		secure = 1
	}
	a := make([]loader.Aux, 0, 22)
	if s.VDSOAddress != 0 {
		a = append(a, loader.Aux{Type: auxVDSO, Value: s.VDSOAddress})
	}
	return append(a,
		loader.Aux{Type: auxMinStack, Value: uint64(isa.SignalStackNeed(&k.CPU))},
		loader.Aux{Type: auxHWCap, Value: k.CPU.HWCap},
		loader.Aux{Type: auxPageSize, Value: isa.PageSize},
		loader.Aux{Type: auxClock, Value: isa.ClockTick},
		loader.Aux{Type: auxPHdr, Value: m.im.Headers + m.bias},
		loader.Aux{Type: auxPHEnt, Value: phEntrySize},
		loader.Aux{Type: auxPHNum, Value: uint64(m.im.HeaderCount)},
		loader.Aux{Type: auxBase, Value: base},
		loader.Aux{Type: auxFlags},
		loader.Aux{Type: auxEntry, Value: m.entry()},
		loader.Aux{Type: auxUID, Value: uint64(c.UID)},
		loader.Aux{Type: auxEUID, Value: uint64(c.EUID)},
		loader.Aux{Type: auxGID, Value: uint64(c.GID)},
		loader.Aux{Type: auxEGID, Value: uint64(c.EGID)},
		loader.Aux{Type: auxSecure, Value: secure},
		loader.Aux{Type: loader.AuxRandom},
		loader.Aux{Type: auxHWCap2, Value: k.CPU.HWCap2},
		loader.Aux{Type: loader.AuxExecFile},
		loader.Aux{Type: loader.AuxPlatform},
		loader.Aux{Type: auxRseqSize, Value: rseqFeatureSize},
		loader.Aux{Type: auxRseqAlign, Value: rseqAlign},
	)
}

// secureNoRoot is SECBIT_NOROOT, secureKeepCaps SECBIT_KEEP_CAPS (capabilities(7)).
const (
	secureNoRoot   = 1 << 0
	secureKeepCaps = 1 << 4
)

// execCredentials is what execve(2) makes of credentials: set-user-ID bits have no effect, as
// on a mount with nosuid; capabilities by the rules of capabilities(7).
func execCredentials(c *cred.Cred, id uint64) *cred.Cred {
	n := c.Clone(id)
	n.SUID, n.FSUID = n.EUID, n.EUID
	n.SGID, n.FSGID = n.EGID, n.EGID
	n.SecureBits &^= secureKeepCaps
	if c.SecureBits&secureNoRoot == 0 && (c.UID == 0 || c.EUID == 0) {
		n.Ambient = 0
		n.Permitted = c.Inheritable | c.Bounding
		n.Effective = 0
		if c.EUID == 0 {
			n.Effective = n.Permitted
		}
		return n
	}
	n.Permitted, n.Effective = c.Ambient, c.Ambient
	return n
}
