package procfs

import (
	"fmt"
	"sort"
	"strconv"

	"golang.org/x/sys/unix"

	"starling/personality/sysv"
	"starling/personality/vfs"
)

// systemName is what uname(2) calls the system.
const systemName = "Linux"

// rootTree is /proc but for the processes.
var rootTree = &entry{mode: unix.S_IFDIR | 0555}

func init() {
	rootTree.children = []*entry{
		{name: "self", mode: unix.S_IFLNK | 0777, link: func(r *request) (string, unix.Errno) {
			return strconv.Itoa(int(r.c.PID)), 0
		}},
		{name: "thread-self", mode: unix.S_IFLNK | 0777, link: func(r *request) (string, unix.Errno) {
			return fmt.Sprintf("%d/task/%d", r.c.PID, r.c.TID), 0
		}},
		{name: "mounts", mode: unix.S_IFLNK | 0777, link: func(*request) (string, unix.Errno) {
			return "self/mounts", 0
		}},
		file("cmdline", func(r *request) ([]byte, unix.Errno) {
			return []byte(r.fs.source.System().CommandLine + "\n"), 0
		}),
		file("cpuinfo", func(r *request) ([]byte, unix.Errno) {
			return []byte(r.fs.source.System().Processor), 0
		}),
		file("devices", showDevices),
		file("filesystems", showFilesystems),
		file("interrupts", showInterrupts),
		file("loadavg", showLoad),
		file("meminfo", showMeminfo),
		constant("modules", ""),
		constant("partitions", "major minor  #blocks  name\n\n"),
		file("stat", showSystemStat),
		constant("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
		file("uptime", showUptime),
		file("version", func(r *request) ([]byte, unix.Errno) {
			s := r.fs.source.System()
			return []byte(systemName + " version " + s.Release + " (starling) " + s.Version + "\n"), 0
		}),
		file("vmstat", showVMStat),
		dir("sys", sysctl...),
		dir("tty", dir("driver"), dir("ldisc"), file("drivers", showDrivers),
			constant("ldiscs", "n_tty       0\n")),
		dir("sysvipc", file("msg", showSystemV((*sysv.System).ShowQueues)), file("sem", showSystemV((*sysv.System).ShowSets)),
			file("shm", showSystemV((*sysv.System).ShowSegments))),
		dir("fs"), dir("driver"), dir("bus"), dir("irq"),
	}
}

// Numbers of the devices there are (Documentation/admin-guide/devices.txt).
func showDevices(*request) ([]byte, unix.Errno) {
	return []byte("Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n128 ptm\n136 pts\n\nBlock devices:\n"), 0
}

func showDrivers(*request) ([]byte, unix.Errno) {
	var b []byte
	for _, d := range [...]struct{ driver, device, major, minors, kind string }{
		{"/dev/tty", "/dev/tty", "5", "0", "system:/dev/tty"},
		{"/dev/console", "/dev/console", "5", "1", "system:console"},
		{"/dev/ptmx", "/dev/ptmx", "5", "2", "system"},
		{"serial", "/dev/ttyS", "4", "64", "serial"},
		{"pty_slave", "/dev/pts", "136", "0-1048575", "pty:slave"},
		{"pty_master", "/dev/ptm", "128", "0-1048575", "pty:master"},
	} {
		b = fmt.Appendf(b, "%-20s %-10s %3s %-7s %s\n", d.driver, d.device, d.major, d.minors, d.kind)
	}
	return b, 0
}

// showFilesystems lists what can be mounted; none needs a device. File systems for files
// without a name cannot be mounted, but Linux lists its own too.
func showFilesystems(r *request) ([]byte, unix.Errno) {
	var b []byte
	for _, t := range r.fs.v.Types() {
		if _, private := t.(interface{ Unlisted() }); !private {
			b = append(b, "nodev\t"+t.Name()+"\n"...)
		}
	}
	return b, 0
}

func showInterrupts(*request) ([]byte, unix.Errno) {
	return []byte("            CPU0       \n"), 0
}

// fixed prints a load average: 11 bits of fraction as two decimals, rounded as Linux does.
func fixed(v uint64) string {
	const one = 1 << 11
	v += one / 200
	return fmt.Sprintf("%d.%02d", v/one, v%one*100/one)
}

func showLoad(r *request) ([]byte, unix.Errno) {
	s := r.fs.source.System()
	return fmt.Appendf(nil, "%s %s %s %d/%d %d\n", fixed(s.Load[0]), fixed(s.Load[1]), fixed(s.Load[2]),
		s.Running, s.Threads, s.LastPID), 0
}

// idle is the time in which no program ran.
func (s *System) idle() int64 { return max(0, s.Uptime-s.User-s.Sys) }

func showUptime(r *request) ([]byte, unix.Errno) {
	s := r.fs.source.System()
	hundredth := func(ns int64) string { return fmt.Sprintf("%d.%02d", ns/1e9, ns%1e9/1e7) }
	return []byte(hundredth(s.Uptime) + " " + hundredth(s.idle()) + "\n"), 0
}

func showSystemStat(r *request) ([]byte, unix.Errno) {
	s := r.fs.source.System()
	var b []byte
	for _, name := range [...]string{"cpu ", "cpu0"} {
		b = fmt.Appendf(b, "%s %d 0 %d %d 0 0 0 0 0 0\n", name, s.User/tick, s.Sys/tick, s.idle()/tick)
	}
	blocked := 0
	return fmt.Appendf(b, "intr %d\nctxt %d\nbtime %d\nprocesses %d\nprocs_running %d\nprocs_blocked %d\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
		s.Interrupts, s.Switches, s.Boot/1e9, s.Forks, max(1, s.Running), blocked), 0
}

// showMeminfo is in kB as proc(5) calls KiB. What Starling does not have is 0.
func showMeminfo(r *request) ([]byte, unix.Errno) {
	s := r.fs.source.System()
	available := s.Free - min(s.Free, s.Reserved)
	var b []byte
	for _, line := range [...]struct {
		name  string
		pages uint64
	}{
		{"MemTotal", s.Total}, {"MemFree", s.Free}, {"MemAvailable", available}, {"Buffers", 0},
		{"Cached", s.Shmem}, {"SwapCached", 0}, {"Active", s.Anonymous}, {"Inactive", s.Shmem},
		{"Active(anon)", s.Anonymous}, {"Inactive(anon)", s.Shmem}, {"Active(file)", 0}, {"Inactive(file)", 0},
		{"Unevictable", 0}, {"Mlocked", 0}, {"SwapTotal", 0}, {"SwapFree", 0}, {"Dirty", 0}, {"Writeback", 0},
		{"AnonPages", s.Anonymous}, {"Mapped", s.Shmem}, {"Shmem", s.Shmem}, {"KReclaimable", 0}, {"Slab", s.Kept},
		{"SReclaimable", 0}, {"SUnreclaim", s.Kept}, {"KernelStack", 0}, {"PageTables", s.PageTables},
		{"NFS_Unstable", 0}, {"Bounce", 0}, {"WritebackTmp", 0}, {"CommitLimit", s.Total},
		{"Committed_AS", s.Total - s.Free},
	} {
		b = fmt.Appendf(b, "%-16s%8d kB\n", line.name+":", line.pages*pageKiB)
	}
	// The size of the kernel's half of the address space (VMALLOC_TOTAL).
	b = fmt.Appendf(b, "%-16s%8d kB\n%-16s%8d kB\n%-16s%8d kB\n", "VmallocTotal:", 34359738367, "VmallocUsed:", 0, "VmallocChunk:", 0)
	return fmt.Appendf(b, "HugePages_Total:%8d\nHugePages_Free: %8d\nHugePages_Rsvd: %8d\nHugePages_Surp: %8d\nHugepagesize:   %8d kB\nHugetlb:        %8d kB\n",
		0, 0, 0, 0, 2048, 0), 0
}

func showVMStat(r *request) ([]byte, unix.Errno) {
	s := r.fs.source.System()
	return fmt.Appendf(nil, "nr_free_pages %d\nnr_anon_pages %d\nnr_shmem %d\npgfault %d\npgmajfault 0\n",
		s.Free, s.Anonymous, s.Shmem, s.Faults), 0
}

// showSystemV is a file of /proc/sysvipc.
func showSystemV(show func(*sysv.System) []byte) func(*request) ([]byte, unix.Errno) {
	return func(r *request) ([]byte, unix.Errno) { return show(r.fs.source.SystemV()), 0 }
}

// sorted keeps a directory's rows in the order of their names, as Linux lists sysctls.
func sorted(rows ...*entry) []*entry {
	sort.Slice(rows, func(i, j int) bool { return rows[i].name < rows[j].name })
	return rows
}

var _ vfs.FSType = (*FS)(nil)
