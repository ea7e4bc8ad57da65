package bpf

import (
	"crypto/sha1"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/state"
)

// Program is a verified program.
type Program struct {
	state.BpfProgramT
	o     *Objects
	refs  int // files, links, events
	list  []instruction
	maps  []*Map
	bound []*Map // kept for tools
	reads bool   // the context
}

// maxPrograms bounds how many programs there are at once.
const maxPrograms = 1024

// Load is what BPF_PROG_LOAD asks for.
type Load struct {
	Type    uint32
	Name    string
	License string
	Code    []byte
	UID     uint32
	Now     int64
	BTF     uint32
	// AttachType is BPF_TRACE_UPROBE_MULTI or 0.
	AttachType uint32
	Maps       Maps
}

// gplLicenses are the licenses of programs that may call every helper (license_is_gpl_compatible).
var gplLicenses = []string{"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"}

// contextSize is how many bytes the context of a type of programs has. Only programs for probes
// are ever run; those for sockets can be loaded, as loaders do to find out what there is.
func contextSize(kind uint32) (int, bool) {
	switch kind {
	case unix.BPF_PROG_TYPE_KPROBE:
		return isa.ProbeContextSize, true
	case unix.BPF_PROG_TYPE_SOCKET_FILTER:
		return 0, true
	}
	return 0, false
}

// NewProgram is BPF_PROG_LOAD; the caller has the one reference. The log is the verifier's.
func (o *Objects) NewProgram(l *Load) (*Program, string, unix.Errno) {
	size, ok := contextSize(l.Type)
	if !ok {
		return nil, "", unix.EINVAL
	}
	if len(o.programs) >= maxPrograms {
		return nil, "", unix.ENOMEM
	}
	list, maps, r := decode(l.Code, l.Maps)
	if r != nil {
		return nil, r.text + "\n", r.errno
	}
	gpl := slices.Contains(gplLicenses, l.License)
	verdict, r := verify(l.Code, list, maps, size, gpl)
	if r != nil {
		return nil, verdict.log, r.errno
	}
	o.nextProgram++
	p := &Program{o: o, refs: 1, list: list, maps: maps, reads: verdict.context, BpfProgramT: state.BpfProgramT{
		Id: o.nextProgram, Type: l.Type, Name: l.Name, Gpl: gpl, Uid: l.UID, Loaded: l.Now, Btf: l.BTF, AttachType: l.AttachType, Steps: uint32(verdict.steps)}}
	p.Code = portable(l.Code, list)
	digest := sha1.Sum(p.Code)
	p.BpfProgramT.Tag = binary.LittleEndian.Uint64(digest[:])
	for _, m := range maps {
		p.BpfProgramT.Maps = append(p.BpfProgramT.Maps, m.get().Id)
	}
	o.programs[p.Id] = p
	return p, verdict.log, 0
}

// portable is the code with maps named by their place in the program's list, not by descriptors.
func portable(code []byte, list []instruction) []byte {
	c := slices.Clone(code)
	at := 0
	for i := range list {
		if list[i].op == opLoadImm {
			if list[i].ref != refNone {
				binary.LittleEndian.PutUint32(c[at+4:], uint32(list[i].index))
			}
			at += asm.InstructionSize
		}
		at += asm.InstructionSize
	}
	return c
}

// restore makes a program from its imported state: decoded and verified as when it was loaded.
func (p *Program) restore() bool {
	size, ok := contextSize(p.Type)
	if !ok {
		return false
	}
	var used []*Map
	for _, id := range p.BpfProgramT.Maps {
		m := p.o.maps[id]
		if m == nil {
			return false
		}
		used = append(used, m)
	}
	list, maps, r := decode(p.Code, func(fd int32, _ bool) (*Map, unix.Errno) {
		if fd < 0 || int(fd) >= len(used) {
			return nil, unix.EBADF
		}
		return used[fd], 0
	})
	if r != nil || !slices.Equal(maps, used) {
		return false
	}
	verdict, r := verify(p.Code, list, maps, size, p.Gpl)
	if r != nil {
		return false
	}
	p.list, p.maps, p.reads = list, maps, verdict.context
	for _, m := range maps {
		m.get()
	}
	for _, id := range p.Bound {
		m := p.o.maps[id]
		if m == nil {
			return false
		}
		p.bound = append(p.bound, m.get())
	}
	return true
}

// Get adds a user.
func (p *Program) Get() *Program {
	p.refs++
	return p
}

// Put drops a user; with the last one the program goes.
func (p *Program) Put() {
	if p.refs--; p.refs > 0 {
		return
	}
	delete(p.o.programs, p.Id)
	for _, m := range p.maps {
		m.put()
	}
	for _, m := range p.bound {
		m.put()
	}
}

// ReadsContext reports whether the program looks at its context at all.
func (p *Program) ReadsContext() bool { return p.reads }

// Probe reports whether the program is one for probes.
func (p *Program) Probe() bool { return p.Type == unix.BPF_PROG_TYPE_KPROBE }

// UprobeMulti is the attach type BPF_TRACE_UPROBE_MULTI.
const UprobeMulti = 48

// Multi reports whether the program is one for several places, and no events.
func (p *Program) Multi() bool { return p.Probe() && p.AttachType == UprobeMulti }

// Bind keeps a map as long as the program.
func (p *Program) Bind(m *Map) {
	for _, have := range p.bound {
		if have == m {
			return
		}
	}
	for _, have := range p.maps {
		if have == m {
			return
		}
	}
	p.bound = append(p.bound, m.get())
	p.Bound = append(p.Bound, m.Id)
}

// MapIDs is the maps it uses or keeps.
func (p *Program) MapIDs() []uint32 {
	return append(slices.Clip(slices.Clone(p.BpfProgramT.Maps)), p.Bound...)
}

// ValidName reports whether a name has only what bpf(2) allows: letters, digits, '_' and '.'.
func ValidName(name string) bool {
	return strings.TrimFunc(name, func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.'
	}) == ""
}
