package procfs

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	pageSize = 4096
	pageKiB  = pageSize / 1024
	// tick is the unit of times in ns: USER_HZ is 100.
	tick = 10_000_000
	// infinity is RLIM_INFINITY.
	infinity = ^uint64(0)
)

// stateNames is the text that status has after the letter.
var stateNames = map[byte]string{
	'R': "running", 'S': "sleeping", 'D': "disk sleep", 'T': "stopped", 't': "tracing stop",
	'Z': "zombie", 'X': "dead",
}

// showStat is /proc/PID/stat: 52 numbers, in the order of proc(5).
func showStat(r *request) ([]byte, unix.Errno) {
	t := r.t
	m := t.Memory
	if m == nil {
		m = &Memory{}
	}
	trace := r.mayTrace()
	var b []byte
	b = fmt.Appendf(b, "%d (%s) %c %d %d %d %d %d %d ", r.task, t.Comm, t.State,
		t.Parent, t.Group, t.Session, int32(t.Terminal), t.Foreground, t.Flags)
	b = fmt.Appendf(b, "%d %d %d %d ", t.MinorFaults, t.ChildMinorFaults, t.MajorFaults, t.ChildMajorFaults)
	b = fmt.Appendf(b, "%d %d %d %d ", t.User/tick, t.System/tick, t.ChildUser/tick, t.ChildSystem/tick)
	b = fmt.Appendf(b, "%d %d %d 0 %d ", t.Priority, t.Nice, t.Threads, t.Start/tick)
	b = fmt.Appendf(b, "%d %d %d ", m.Size*pageSize, m.Resident, limit(t, unix.RLIMIT_RSS))
	// Addresses are for those who may trace the process; 1 tells that there is one.
	show := func(v uint64) uint64 {
		switch {
		case t.Memory == nil:
			return 0
		case trace:
			return v
		}
		return 1
	}
	b = fmt.Appendf(b, "%d %d ", show(m.CodeStart), show(m.CodeEnd))
	secret := func(v uint64) uint64 {
		if trace && t.Memory != nil {
			return v
		}
		return 0
	}
	b = fmt.Appendf(b, "%d 0 0 ", secret(m.StackStart))
	mask := func(v uint64) uint64 { return v & (1<<31 - 1) }
	b = fmt.Appendf(b, "%d %d %d %d ", mask(t.Pending), mask(t.Blocked), mask(t.Ignored), mask(t.Caught))
	wchan := 0
	if t.Waiting {
		wchan = 1
	}
	b = fmt.Appendf(b, "%d 0 0 %d 0 %d %d 0 0 0 ", wchan, t.ExitSignal, t.RealtimePriority, t.Policy)
	code := int32(0)
	if trace {
		code = t.ExitCode
	}
	b = fmt.Appendf(b, "%d %d %d %d %d %d %d %d\n", secret(m.DataStart), secret(m.DataEnd), secret(m.Break),
		secret(m.ArgStart), secret(m.ArgEnd), secret(m.EnvStart), secret(m.EnvEnd), code)
	return b, 0
}

// showStatm is /proc/PID/statm, in pages.
func showStatm(r *request) ([]byte, unix.Errno) {
	m := r.t.Memory
	if m == nil {
		return []byte("0 0 0 0 0 0 0\n"), 0
	}
	return fmt.Appendf(nil, "%d %d %d %d 0 %d 0\n", m.Size, m.Resident, m.Shared, m.Text, m.Data+m.Stack), 0
}

// escapeComm shows a name on one line.
func escapeComm(s string) string {
	if !strings.ContainsAny(s, "\n\\") {
		return s
	}
	return strings.NewReplacer("\n", "\\n", "\\", "\\\\").Replace(s)
}

// showStatus is /proc/PID/status.
func showStatus(r *request) ([]byte, unix.Errno) {
	t := r.t
	umask := uint32(0)
	var b []byte
	b = fmt.Appendf(b, "Name:\t%s\n", escapeComm(t.Comm))
	if t.FS != nil {
		umask = t.FS.Umask
		b = fmt.Appendf(b, "Umask:\t%04o\n", umask)
	}
	b = fmt.Appendf(b, "State:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
		t.State, stateNames[t.State], t.PID, r.task, t.Parent, t.Tracer)
	if c := t.Cred; c != nil {
		b = fmt.Appendf(b, "Uid:\t%d\t%d\t%d\t%d\nGid:\t%d\t%d\t%d\t%d\n",
			c.UID, c.EUID, c.SUID, c.FSUID, c.GID, c.EGID, c.SGID, c.FSGID)
	}
	size := 0
	if t.Files != nil {
		size = t.Files.Size()
	}
	b = fmt.Appendf(b, "FDSize:\t%d\nGroups:\t", size)
	if t.Cred != nil {
		for _, g := range t.Cred.Groups {
			b = fmt.Appendf(b, "%d ", g)
		}
	}
	b = fmt.Appendf(b, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", t.PID, r.task, t.Group, t.Session)
	b = appendMemory(b, t.Memory)
	b = fmt.Appendf(b, "Threads:\t%d\nSigQ:\t%d/%d\n", t.Threads, t.Queued, t.QueueLimit)
	b = fmt.Appendf(b, "SigPnd:\t%016x\nShdPnd:\t%016x\nSigBlk:\t%016x\nSigIgn:\t%016x\nSigCgt:\t%016x\n",
		t.Pending, t.ProcessPending, t.Blocked, t.Ignored, t.Caught)
	if c := t.Cred; c != nil {
		b = fmt.Appendf(b, "CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x\n",
			c.Inheritable, c.Permitted, c.Effective, c.Bounding, c.Ambient)
	}
	b = fmt.Appendf(b, "NoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%d\n", bit(t.NoNewPrivileges), t.Seccomp, t.SeccompFilters)
	b = append(b, "Speculation_Store_Bypass:\tnot vulnerable\nSpeculationIndirectBranch:\tunknown\n"...)
	b = append(b, "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\nMems_allowed_list:\t0\n"...)
	return fmt.Appendf(b, "voluntary_ctxt_switches:\t%d\nnonvoluntary_ctxt_switches:\t%d\n", t.Voluntary, t.Involuntary), 0
}

func bit(v bool) int {
	if v {
		return 1
	}
	return 0
}

// appendMemory adds the sizes, in kB as proc(5) calls KiB.
func appendMemory(b []byte, m *Memory) []byte {
	if m == nil {
		return b
	}
	shared := min(m.Shared, m.Resident)
	for _, line := range [...]struct {
		name  string
		pages uint64
	}{
		{"VmPeak", max(m.Peak, m.Size)}, {"VmSize", m.Size}, {"VmLck", m.Locked}, {"VmPin", 0},
		{"VmHWM", max(m.PeakResident, m.Resident)}, {"VmRSS", m.Resident},
		{"RssAnon", m.Resident - shared}, {"RssFile", shared}, {"RssShmem", 0},
		{"VmData", m.Data}, {"VmStk", m.Stack}, {"VmExe", m.Text}, {"VmLib", 0},
	} {
		b = fmt.Appendf(b, "%s:\t%8d kB\n", line.name, line.pages*pageKiB)
	}
	// One page table page covers 512 pages; one more per level above.
	b = fmt.Appendf(b, "VmPTE:\t%8d kB\n", (m.Resident/512+3)*pageKiB)
	return fmt.Appendf(b, "VmSwap:\t%8d kB\nHugetlbPages:\t%8d kB\nCoreDumping:\t0\nTHP_enabled:\t0\n", 0, 0)
}

// limit is the soft limit of a resource; infinity when it is not known.
func limit(t *Task, which int) uint64 {
	if which >= len(t.Limits) {
		return infinity
	}
	return t.Limits[which].Cur
}

// limitNames are the rows of /proc/PID/limits by number of the resource.
var limitNames = []struct{ name, unit string }{
	{"Max cpu time", "seconds"}, {"Max file size", "bytes"}, {"Max data size", "bytes"},
	{"Max stack size", "bytes"}, {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
	{"Max processes", "processes"}, {"Max open files", "files"}, {"Max locked memory", "bytes"},
	{"Max address space", "bytes"}, {"Max file locks", "locks"}, {"Max pending signals", "signals"},
	{"Max msgqueue size", "bytes"}, {"Max nice priority", ""}, {"Max realtime priority", ""},
	{"Max realtime timeout", "us"},
}

func showLimits(r *request) ([]byte, unix.Errno) {
	b := fmt.Appendf(nil, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units")
	text := func(v uint64) string {
		if v == infinity {
			return "unlimited"
		}
		return fmt.Sprint(v)
	}
	for i, l := range limitNames {
		if i >= len(r.t.Limits) {
			break
		}
		b = fmt.Appendf(b, "%-25s %-20s %-20s %-10s\n", l.name, text(r.t.Limits[i].Cur), text(r.t.Limits[i].Max), l.unit)
	}
	return b, 0
}

func showComm(r *request) ([]byte, unix.Errno) { return []byte(r.t.Comm + "\n"), 0 }

// commLength is TASK_COMM_LEN without its NUL.
const commLength = 15

// storeComm renames a thread of the writer's own process.
func storeComm(r *request, text string) unix.Errno {
	if r.c.PID != r.t.PID {
		return unix.EINVAL
	}
	text, _, _ = strings.Cut(text, "\n")
	r.fs.source.SetComm(r.task, text[:min(len(text), commLength)])
	return 0
}

func showPersonality(r *request) ([]byte, unix.Errno) {
	return fmt.Appendf(nil, "%08x\n", r.t.Personality), 0
}

// showCall is /proc/PID/syscall.
func showCall(r *request) ([]byte, unix.Errno) {
	t := r.t
	switch {
	case !t.Waiting && t.Call < 0:
		return []byte("running\n"), 0
	case t.Call < 0:
		return fmt.Appendf(nil, "-1 0x%x 0x%x\n", t.SP, t.IP), 0
	}
	a := &t.Arguments
	return fmt.Appendf(nil, "%d 0x%x 0x%x 0x%x 0x%x 0x%x 0x%x 0x%x 0x%x\n",
		t.Call, a[0], a[1], a[2], a[3], a[4], a[5], t.SP, t.IP), 0
}

func showIO(r *request) ([]byte, unix.Errno) {
	t := r.t
	return fmt.Appendf(nil, "rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n",
		t.ReadChars, t.WriteChars, t.ReadCalls, t.WriteCalls), 0
}

// showSchedstat is time on the processor, time waiting for it, and time slices.
func showSchedstat(r *request) ([]byte, unix.Errno) {
	return fmt.Appendf(nil, "%d 0 %d\n", r.t.User+r.t.System, r.t.Voluntary+r.t.Involuntary), 0
}

// showWchan: the kernel's function names are not shown to programs.
func showWchan(r *request) ([]byte, unix.Errno) { return []byte("0"), 0 }

func showIDMap(*request) ([]byte, unix.Errno) {
	return fmt.Appendf(nil, "%10d %10d %10d\n", 0, 0, ^uint32(0)), 0
}
