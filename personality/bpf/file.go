package bpf

import (
	"fmt"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
	"starling/personality/wait"
)

// mapFile, programFile and btfFile are what descriptors of bpf(2) refer to. Key0 is the number.
type mapFile struct {
	vfs.FileBase
	m *Map
}

// Ready implements vfs.FileOps: a ring is readable while it has records.
func (f mapFile) Ready(_ *vfs.File, mask wait.Events) wait.Events {
	if !f.m.isRing() {
		return wait.Err
	}
	if f.m.Producer != f.m.consumer() {
		return mask & (wait.In | wait.RdNrm)
	}
	return 0
}

// WaitID implements vfs.FileOps.
func (f mapFile) WaitID(*vfs.File) wait.ID { return wait.ID(f.m.WaitId) }

// Map implements vfs.FileOps: only rings are mapped, and only the consumer's page for writing.
func (f mapFile) Map(*vfs.Context, *vfs.File) (vfs.Mapping, unix.Errno) {
	if !f.m.isRing() {
		return vfs.Mapping{}, unix.EOPNOTSUPP
	}
	return vfs.Mapping{Object: f.m.Object, WritePages: ringProducer}, 0
}

// Release implements vfs.FileOps.
func (f mapFile) Release(_ *vfs.VFS, file *vfs.File) {
	f.m.dropOutputs(file)
	f.m.put()
}

// Describe appends the lines of /proc/PID/fdinfo.
func (f mapFile) Describe(_ *vfs.File, b []byte) []byte {
	m := f.m
	return fmt.Appendf(b, "map_type:\t%d\nkey_size:\t%d\nvalue_size:\t%d\nmax_entries:\t%d\nmap_flags:\t0x%x\nmap_extra:\t0x0\nmemlock:\t%d\nmap_id:\t%d\nfrozen:\t%d\n",
		m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags, m.bytes(), m.Id, btoi(m.Frozen))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

type programFile struct {
	vfs.FileBase
	p *Program
}

// Release implements vfs.FileOps.
func (f programFile) Release(*vfs.VFS, *vfs.File) { f.p.Put() }

// Describe appends the lines of /proc/PID/fdinfo.
func (f programFile) Describe(_ *vfs.File, b []byte) []byte {
	p := f.p
	return fmt.Appendf(b, "prog_type:\t%d\nprog_jited:\t0\nprog_tag:\t%016x\nmemlock:\t%d\nprog_id:\t%d\nrun_time_ns:\t0\nrun_cnt:\t%d\nverified_insns:\t%d\n",
		p.Type, p.BpfProgramT.Tag, len(p.Code), p.Id, p.Runs, p.Steps)
}

type btfFile struct {
	vfs.FileBase
	b *BTF
}

// Release implements vfs.FileOps.
func (f btfFile) Release(*vfs.VFS, *vfs.File) { f.b.Put() }

// Describe appends the lines of /proc/PID/fdinfo.
func (f btfFile) Describe(_ *vfs.File, b []byte) []byte {
	return fmt.Appendf(b, "btf_id:\t%d\n", f.b.Id)
}

// MapFile, ProgramFile and BTFFile make a file of an object; the object's reference goes to the file,
// which is also so when there can be none.
func (o *Objects) MapFile(m *Map) (*vfs.File, unix.Errno) {
	f, e := o.v.NewAnonFile("anon_inode:bpf-map", vfs.KindBPFMap, uint64(m.Id), mapFile{m: m}, unix.O_RDWR)
	if e != 0 {
		m.put()
	}
	return f, e
}

// ProgramFile is MapFile for programs.
func (o *Objects) ProgramFile(p *Program) (*vfs.File, unix.Errno) {
	f, e := o.v.NewAnonFile("anon_inode:bpf-prog", vfs.KindBPFProgram, uint64(p.Id), programFile{p: p}, unix.O_RDWR)
	if e != 0 {
		p.Put()
	}
	return f, e
}

// BTFFile is MapFile for types.
func (o *Objects) BTFFile(b *BTF) (*vfs.File, unix.Errno) {
	f, e := o.v.NewAnonFile("anon_inode:btf", vfs.KindBTF, uint64(b.Id), btfFile{b: b}, unix.O_RDONLY)
	if e != 0 {
		b.Put()
	}
	return f, e
}

// MapFileOf, ProgramFileOf and BTFFileOf make another file of an object.
func (o *Objects) MapFileOf(m *Map) (*vfs.File, unix.Errno) { return o.MapFile(m.get()) }

// ProgramFileOf is MapFileOf for programs.
func (o *Objects) ProgramFileOf(p *Program) (*vfs.File, unix.Errno) { return o.ProgramFile(p.Get()) }

// BTFFileOf is MapFileOf for types.
func (o *Objects) BTFFileOf(b *BTF) (*vfs.File, unix.Errno) {
	b.refs++
	return o.BTFFile(b)
}

// MapOf, ProgramOf and BTFOf are the object of a file, nil if it is another kind of file.
func MapOf(f *vfs.File) *Map {
	if x, ok := f.Ops.(mapFile); ok {
		return x.m
	}
	return nil
}

// ProgramOf is MapOf for programs.
func ProgramOf(f *vfs.File) *Program {
	if x, ok := f.Ops.(programFile); ok {
		return x.p
	}
	return nil
}

// BTFOf is MapOf for types.
func BTFOf(f *vfs.File) *BTF {
	if x, ok := f.Ops.(btfFile); ok {
		return x.b
	}
	return nil
}

type mapKind struct{ o *Objects }

// Reopen implements vfs.Kind.
func (k mapKind) Reopen(f *vfs.File) unix.Errno {
	m := k.o.maps[uint32(f.Key0)]
	if m == nil {
		return unix.EINVAL
	}
	f.Ops = mapFile{m: m.get()}
	return 0
}

type programKind struct{ o *Objects }

// Reopen implements vfs.Kind.
func (k programKind) Reopen(f *vfs.File) unix.Errno {
	p := k.o.programs[uint32(f.Key0)]
	if p == nil {
		return unix.EINVAL
	}
	f.Ops = programFile{p: p.Get()}
	return 0
}

type btfKind struct{ o *Objects }

// Reopen implements vfs.Kind.
func (k btfKind) Reopen(f *vfs.File) unix.Errno {
	b := k.o.btfs[uint32(f.Key0)]
	if b == nil {
		return unix.EINVAL
	}
	b.refs++
	f.Ops = btfFile{b: b}
	return 0
}
