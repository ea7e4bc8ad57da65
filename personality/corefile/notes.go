package corefile

// Types of notes (elf.h, NT_*).
const (
	noteStatus  = 1
	noteInfo    = 3
	noteAuxv    = 6
	noteSignal  = 0x53494749
	noteFile    = 0x46494c45
	firstVendor = 0x100 // types from here on are named "LINUX"
)

// Note appends one note.
func Note(b []byte, name string, kind uint32, data []byte) []byte {
	b = le.AppendUint32(b, uint32(len(name)+1))
	b = le.AppendUint32(b, uint32(len(data)))
	b = le.AppendUint32(b, kind)
	b = pad(append(append(b, name...), 0))
	return pad(append(b, data...))
}

// pad fills up to a multiple of 4.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// Registers appends a register set, named by its type.
func Registers(b []byte, kind uint32, data []byte) []byte {
	name := "CORE"
	if kind >= firstVendor {
		name = "LINUX"
	}
	return Note(b, name, kind, data)
}

// Times are processor times in ns.
type Times struct{ User, System, ChildUser, ChildSystem int64 }

// Status is struct elf_prstatus of a thread (sys/procfs.h) for a 64-bit machine.
type Status struct {
	Signal                         int32
	Pending, Blocked               uint64
	Thread, Parent, Group, Session int32
	Times                          Times
	Registers                      []byte
	// FP: there is a note of the floating-point registers.
	FP bool
}

// Status appends the note of a thread.
func (s *Status) Note(b []byte) []byte {
	d := make([]byte, 0, 336)
	d = le.AppendUint32(d, uint32(s.Signal)) // si_signo, si_code and si_errno of elf_siginfo
	d = append(d, make([]byte, 8)...)
	d = le.AppendUint16(d, uint16(s.Signal))
	d = append(d, 0, 0)
	d = append64(d, s.Pending, s.Blocked)
	for _, id := range []int32{s.Thread, s.Parent, s.Group, s.Session} {
		d = le.AppendUint32(d, uint32(id))
	}
	for _, ns := range []int64{s.Times.User, s.Times.System, s.Times.ChildUser, s.Times.ChildSystem} {
		d = append64(d, uint64(ns/1e9), uint64(ns%1e9/1e3)) // struct timeval
	}
	d = append(d, s.Registers...)
	fp := uint32(0)
	if s.FP {
		fp = 1
	}
	d = le.AppendUint32(d, fp)
	return Note(b, "CORE", noteStatus, append(d, 0, 0, 0, 0))
}

// Info is struct elf_prpsinfo of a process (sys/procfs.h) for a 64-bit machine.
type Info struct {
	Nice                            int8
	Flags                           uint64
	UID, GID                        uint32
	Process, Parent, Group, Session int32
	// Name is the file's, Arguments all arguments with blanks between them.
	Name, Arguments string
}

// Sizes of texts in struct elf_prpsinfo.
const (
	nameSize = 16
	argsSize = 80
)

// ArgumentsSize is how many bytes of the arguments are kept.
const ArgumentsSize = argsSize - 1

// Note appends the note of a process. It was running: state 0, 'R'.
func (i *Info) Note(b []byte) []byte {
	d := []byte{0, 'R', 0, byte(i.Nice), 0, 0, 0, 0}
	d = append64(d, i.Flags)
	for _, v := range []uint32{i.UID, i.GID, uint32(i.Process), uint32(i.Parent), uint32(i.Group), uint32(i.Session)} {
		d = le.AppendUint32(d, v)
	}
	d = text(d, i.Name, nameSize)
	d = text(d, i.Arguments, argsSize)
	return Note(b, "CORE", noteInfo, d)
}

// text appends a text with at least one NUL behind it, size bytes in all.
func text(b []byte, s string, size int) []byte {
	s = s[:min(len(s), size-1)]
	return append(append(b, s...), make([]byte, size-len(s))...)
}

// Signal appends the siginfo_t of the signal that ended the process.
func Signal(b, info []byte) []byte { return Note(b, "CORE", noteSignal, info) }

// Auxiliary appends the auxiliary vector.
func Auxiliary(b []byte, words []uint64) []byte {
	return Note(b, "CORE", noteAuxv, append64(nil, words...))
}

// File is a mapping of a file.
type File struct {
	Start, End uint64
	Offset     uint64 // in bytes
	Name       string
}

// Files appends the mappings of files.
func Files(b []byte, pageSize uint64, files []File) []byte {
	d := append64(nil, uint64(len(files)), pageSize)
	for i := range files {
		f := &files[i]
		d = append64(d, f.Start, f.End, f.Offset/pageSize)
	}
	for i := range files {
		d = append(append(d, files[i].Name...), 0)
	}
	return Note(b, "CORE", noteFile, d)
}
