package procfs_test

import (
	"fmt"
	"iter"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/cred"
	"starling/personality/sysv"
	"starling/personality/vfs"
	"starling/personality/vfs/devfs"
	"starling/personality/vfs/mqueue"
	"starling/personality/vfs/procfs"
	"starling/personality/vfs/vfstest"
)

// source is a system of three processes.
type source struct {
	w     *vfstest.World
	tasks map[int32]*procfs.Task
	name  string
}

func (s *source) Processes() []int32 {
	var all []int32
	for pid := range s.tasks {
		all = append(all, pid)
	}
	slices.Sort(all)
	return all
}

func (s *source) Threads(pid int32) []int32 { return []int32{pid} }
func (s *source) Process(tid int32) (*procfs.Task, bool) {
	t, ok := s.tasks[tid]
	return t, ok
}
func (s *source) Thread(tid int32) (*procfs.Task, bool) { return s.Process(tid) }
func (s *source) System() procfs.System {
	return procfs.System{Uptime: 12345678901, Boot: 1e18, User: 2e9, Sys: 1e9, Running: 1, Threads: 3, LastPID: 9,
		Load: [3]uint64{2048 + 1024, 512, 0}, Total: 40000, Free: 30000, Reserved: 1000, Hostname: "nest", PIDMax: 32768}
}
func (s *source) SetComm(tid int32, name string)    { s.tasks[tid].Comm = name }
func (s *source) SetCorePattern(p string) bool      { s.name = p; return p[0] != '|' }
func (s *source) SetCoreUsesPID(v int32)            { s.name = fmt.Sprint(v) }
func (s *source) SetDumpFilter(pid int32, v uint32) { s.tasks[pid].Memory.DumpFilter = v }
func (s *source) SetOOMAdjust(pid int32, v int32)   { s.tasks[pid].OOMAdjust = v }
func (s *source) SetName(domain bool, name string)  { s.name = name }
func (s *source) Random(p []byte)                   {}
func (s *source) Queues() *mqueue.Type              { return mqueue.New(s.w.V, nil) }
func (s *source) SystemV() *sysv.System             { return sysv.New(s.w.V, nil, func() int32 { return 0 }) }

// memory is bytes from address 0x1000 on.
type memory []byte

func (m memory) Span(va uint64, n int, _ ipc.Access) ([]byte, unix.Errno) {
	if va < 0x1000 || va >= 0x1000+uint64(len(m)) {
		return nil, unix.EFAULT
	}
	m = m[va-0x1000:]
	return m[:min(n, len(m))], 0
}

func boot(t *testing.T) (*vfstest.World, *source) {
	t.Helper()
	w := vfstest.New(t)
	s := &source{w: w, tasks: map[int32]*procfs.Task{}}
	exe := w.MustOpen("/program", unix.O_CREAT|unix.O_RDWR, 0755)
	for _, pid := range []int32{1, 7, 4000} {
		args := memory("program\x00-x\x00A=1\x00B=2\x00")
		s.tasks[pid] = &procfs.Task{
			TID: pid, PID: pid, Parent: 1, Group: pid, Session: 1, State: 'S', Comm: "pro) gram", Foreground: -1,
			Cred: cred.Root(0), Threads: 1, Priority: 20, Dumpable: true, Call: 35, Waiting: true,
			Limits: make([]unix.Rlimit, 16), FS: w.C.FS, Files: w.C.Files,
			Memory: &procfs.Memory{ID: 5, Size: 100, Resident: 50, ArgStart: 0x1000, ArgEnd: 0x100b, EnvStart: 0x100b, EnvEnd: 0x1013,
				Auxv: []uint64{6, 4096, 0, 0}, Exe: exe, User: args, Forced: args,
				Regions: func(bool) iter.Seq[procfs.Region] {
					return slices.Values([]procfs.Region{
						{Start: 0x400000, End: 0x452000, Read: true, Execute: true, File: exe},
						{Start: 0x7ffc00000000, End: 0x7ffc00021000, Read: true, Write: true, Name: "[stack]"},
						{Start: 0x7ffd00000000, End: 0x7ffd00001000, Shared: true, Offset: 0x2000},
					})
				}},
		}
	}
	w.C.PID, w.C.TID = 7, 7
	fs := procfs.New(w.V, s)
	if e := devfs.MountAt(w.V, fs.Super(), "/proc", unix.MS_NOSUID, "proc"); e != 0 {
		t.Fatal(e)
	}
	return w, s
}

func read(t *testing.T, w *vfstest.World, path string) string {
	t.Helper()
	f := w.MustOpen(path, unix.O_RDONLY, 0)
	defer w.V.Put(f)
	var all []byte
	for {
		b, e := w.Read(f, 777) // odd, so that texts come in pieces
		if e != 0 {
			t.Fatalf("read %s: %v", path, e)
		}
		if len(b) == 0 {
			return string(all)
		}
		all = append(all, b...)
	}
}

// keys are the first words of lines.
func keys(text string) (all []string) {
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		key, _, _ := strings.Cut(line, ":")
		all = append(all, key)
	}
	return all
}

// Our lines are lines of Linux, in its order. A newer Linux has more of them.
func TestLinesAreLinux(t *testing.T) {
	w, _ := boot(t)
	for _, name := range []string{"/proc/self/status", "/proc/meminfo", "/proc/self/limits", "/proc/self/io", "/proc/stat"} {
		host, err := os.ReadFile(name)
		if err != nil {
			t.Skip(err)
		}
		linux := keys(string(host))
		at := 0
		for _, key := range keys(read(t, w, name)) {
			word := strings.Fields(key)[0]
			i := slices.IndexFunc(linux[at:], func(l string) bool { return strings.Fields(l)[0] == word })
			if i < 0 && key == "NFS_Unstable" || key == "VmPin" {
				continue // gone since 6.1
			}
			if i < 0 {
				t.Errorf("%s: %q is not there, or elsewhere, on Linux", name, key)
				continue
			}
			at += i
		}
	}
}

// Files whose form programs rely on have the same form as the host's.
func TestFormsAreLinux(t *testing.T) {
	w, _ := boot(t)
	for name, form := range map[string]string{
		"/proc/self/stat":                 `^\d+ \(.*\) [RSDTtZX]( -?\d+){49}\n$`,
		"/proc/self/statm":                `^\d+( \d+){6}\n$`,
		"/proc/loadavg":                   `^(\d+\.\d\d ){3}\d+/\d+ \d+\n$`,
		"/proc/uptime":                    `^\d+\.\d\d \d+\.\d\d\n$`,
		"/proc/self/maps":                 `^([0-9a-f]{8,}-[0-9a-f]{8,} [r-][w-][x-][ps] [0-9a-f]{8} [0-9a-f]{2,}:[0-9a-f]{2,} \d+ ( +\S.*)?\n)+$`,
		"/proc/self/mountinfo":            `^(\d+ \d+ \d+:\d+ \S+ \S+ r[ow]\S* (\S+:\S+ )*- \S+ \S+ r[ow]\S*\n)+$`,
		"/proc/self/mounts":               `^(\S+ \S+ \S+ r[ow]\S* 0 0\n)+$`,
		"/proc/self/schedstat":            `^\d+ \d+ \d+\n$`,
		"/proc/sys/kernel/random/boot_id": `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n$`,
		"/proc/sys/kernel/pid_max":        `^\d+\n$`,
		"/proc/filesystems":               `^(nodev)?\t\S+\n`,
	} {
		re := regexp.MustCompile(form)
		if host, err := os.ReadFile(name); err == nil && !re.Match(host) {
			t.Errorf("%s: Linux itself has another form: %q", name, host[:min(200, len(host))])
		}
		if got := read(t, w, name); !re.MatchString(got) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestTexts(t *testing.T) {
	w, s := boot(t)
	for name, want := range map[string]string{
		"/proc/7/cmdline":      "program\x00-x\x00",
		"/proc/7/environ":      "A=1\x00B=2\x00",
		"/proc/7/comm":         "pro) gram\n",
		"/proc/7/task/7/comm":  "pro) gram\n",
		"/proc/uptime":         "12.34 9.34\n",
		"/proc/loadavg":        "1.50 0.25 0.00 1/3 9\n",
		"/proc/self/syscall":   "35 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n",
		"/proc/self/auxv":      "\x06\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x00", 16),
		"/proc/self/oom_score": "667\n",
	} {
		if got := read(t, w, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	maps := strings.Split(read(t, w, "/proc/self/maps"), "\n")
	if !strings.HasSuffix(maps[0], " /program") || strings.Index(maps[0], "/program") != 73 || !strings.HasSuffix(maps[1], " [stack]") {
		t.Errorf("maps %q", maps)
	}
	if l, e := w.Lookup("/proc/self/exe"); e != 0 || l.D.Name != "program" {
		t.Errorf("exe %v", e)
	}
	s.tasks[7].Memory = nil
	for _, name := range []string{"cmdline", "environ", "maps", "auxv"} {
		if got := read(t, w, "/proc/7/"+name); got != "" {
			t.Errorf("%s of a process without memory: %q", name, got)
		}
	}
	if _, e := w.Lookup("/proc/7/exe"); e != unix.ENOENT {
		t.Errorf("exe of a process without memory: %v", e)
	}
}

// An open file keeps its text until it is read from the start again.
func TestTextIsOfOneMoment(t *testing.T) {
	w, s := boot(t)
	f := w.MustOpen("/proc/7/comm", unix.O_RDWR, 0)
	w.Read(f, 3)
	s.tasks[7].Comm = "other"
	if b, _ := w.Read(f, 20); string(b) != ") gram\n" {
		t.Errorf("%q", b)
	}
	if b, _ := w.ReadAt(f, 20, 0); string(b) != "other\n" {
		t.Errorf("%q", b)
	}
	if _, e := w.Write(f, []byte("twelve characters and more\n")); e != 0 || s.tasks[7].Comm != "twelve characte" {
		t.Errorf("%v %q", e, s.tasks[7].Comm)
	}
	delete(s.tasks, 7)
	if _, e := w.ReadAt(f, 20, 0); e != unix.ESRCH {
		t.Errorf("file of a dead process: %v", e)
	}
}

func TestNamesComeOnce(t *testing.T) {
	w, s := boot(t)
	for pid := int32(5000); pid < 5200; pid++ {
		s.tasks[pid] = s.tasks[7]
	}
	dir := w.MustOpen("/proc", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	seen := map[string]int{}
	for {
		names := w.ReadNames(dir, 200)
		if len(names) == 0 {
			break
		}
		for _, n := range names {
			seen[n]++
		}
		delete(s.tasks, 5000+int32(len(seen))) // they may end meanwhile
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", name, n)
		}
	}
	for _, name := range []string{".", "..", "self", "meminfo", "1", "7", "4000", "5199"} {
		if seen[name] == 0 {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestOnlyTheOwnerLooksInside(t *testing.T) {
	w, s := boot(t)
	user := cred.Root(1)
	user.UID, user.EUID, user.SUID, user.FSUID = 1000, 1000, 1000, 1000
	user.GID, user.EGID, user.SGID, user.FSGID = 1000, 1000, 1000, 1000
	user.Permitted, user.Effective = 0, 0
	w.C.Cred = user
	for _, name := range []string{"maps", "environ", "auxv", "mem", "io", "syscall"} {
		if f, e := w.Open("/proc/1/"+name, unix.O_RDONLY, 0); e != unix.EACCES {
			t.Errorf("%s of another's process: %v", name, e)
			if e == 0 {
				w.V.Put(f)
			}
		}
	}
	if p, e := w.C.Lookup(unix.AT_FDCWD, []byte("/proc/1/exe"), 0); e != 0 {
		t.Error(e)
	} else if _, e := w.C.Readlink(p); e != unix.EACCES {
		t.Errorf("readlink exe: %v", e)
	}
	if text := read(t, w, "/proc/1/stat"); !strings.Contains(text, " 1 1 0 ") {
		t.Errorf("addresses are shown: %s", text)
	}
	s.tasks[1].Cred = user
	w.V.Put(w.MustOpen("/proc/1/maps", unix.O_RDONLY, 0))
	s.tasks[1].Dumpable = false
	if _, e := w.Open("/proc/1/maps", unix.O_RDONLY, 0); e != unix.EACCES {
		t.Errorf("maps of one that must not be dumped: %v", e)
	}
}

func TestOOMAdjust(t *testing.T) {
	w, s := boot(t)
	for _, test := range []struct {
		file, text string
		e          unix.Errno
		want       int32
	}{
		{"oom_score_adj", "500\n", 0, 500}, {"oom_score_adj", "1001", unix.EINVAL, 500}, {"oom_score_adj", "x", unix.EINVAL, 500},
		{"oom_adj", "-17", 0, -1000}, {"oom_adj", "15", 0, 1000}, {"oom_adj", "8", 0, 470}, {"oom_adj", "16", unix.EINVAL, 470},
	} {
		f := w.MustOpen("/proc/self/"+test.file, unix.O_RDWR, 0)
		if _, e := w.Write(f, []byte(test.text)); e != test.e || s.tasks[7].OOMAdjust != test.want {
			t.Errorf("%s: %v, adjust %d, want %v %d", fmt.Sprint(test.file, " ", test.text), e, s.tasks[7].OOMAdjust, test.e, test.want)
		}
		w.V.Put(f)
	}
}

var _ vfs.FSType = (*procfs.FS)(nil)
