package procfs

import (
	"iter"

	"golang.org/x/sys/unix"

	"starling/personality/cred"
	"starling/personality/sysv"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/mqueue"
)

// Source is where the contents come from.
type Source interface {
	// Processes lists every process, zombies too, ascending.
	Processes() []int32
	// Threads lists the threads of a process, ascending; nil when it does not exist.
	Threads(pid int32) []int32
	// Process describes a whole process: the state of its first thread and the sums
	// of all. tid may be any of its threads.
	Process(tid int32) (*Task, bool)
	// Thread describes one thread.
	Thread(tid int32) (*Task, bool)
	// System describes the machine.
	System() System

	// SetComm renames a thread (prctl(2) PR_SET_NAME).
	SetComm(tid int32, name string)
	// SetOOMAdjust sets oom_score_adj of a process.
	SetOOMAdjust(pid int32, v int32)
	// SetName sets the host name, or the NIS domain name.
	SetName(domain bool, name string)
	// SetCorePattern sets how core files are named; false: not supported.
	SetCorePattern(pattern string) bool
	// SetCoreUsesPID: their names end with the process's number.
	SetCoreUsesPID(v int32)
	// SetDumpFilter sets what core files of a process have.
	SetDumpFilter(pid int32, filter uint32)
	// SystemV is System V IPC.
	SystemV() *sysv.System
	// Queues is POSIX message queues.
	Queues() *mqueue.Type
	// Random fills p from the seed.
	Random(p []byte)
}

// Task is a thread, or a process seen through its first thread. Times are in ns.
type Task struct {
	TID, PID, Parent, Group, Session int32
	Tracer                           int32
	State                            byte // R, S, D, T, t, Z, X
	Comm                             string
	Cred                             *cred.Cred
	Terminal                         uint64 // device number of the controlling terminal
	Foreground                       int32  // its foreground group, -1 without one
	Flags                            uint32 // PF_*
	MinorFaults, ChildMinorFaults    uint64
	MajorFaults, ChildMajorFaults    uint64
	User, System                     int64
	ChildUser, ChildSystem           int64
	Priority, Nice                   int32
	Policy, RealtimePriority         uint32
	Threads                          int
	Start                            int64 // ns since boot
	Pending, ProcessPending          uint64
	Blocked, Ignored, Caught         uint64
	Queued, QueueLimit               uint64
	Voluntary, Involuntary           uint64
	NoNewPrivileges                  bool
	Seccomp, SeccompFilters          int
	ExitSignal, ExitCode             int32
	OOMAdjust                        int32
	Dumpable                         bool
	Waiting                          bool  // blocked in a call
	Call                             int32 // the call it is in, -1: none
	Arguments                        [6]uint64
	SP, IP                           uint64
	Personality                      uint32
	Affinity                         uint64
	ReadChars, WriteChars            uint64
	ReadCalls, WriteCalls            uint64

	Limits []unix.Rlimit
	FS     *vfs.FSContext // nil: gone
	Files  *vfs.FDTable
	Memory *Memory // nil: none
}

// Memory is an address space. Sizes are in pages.
type Memory struct {
	ID                        uint64
	Size, Peak, Locked        uint64
	Resident, PeakResident    uint64
	Data, Stack, Text, Shared uint64
	CodeStart, CodeEnd        uint64
	DataStart, DataEnd        uint64
	Break, StackStart         uint64
	ArgStart, ArgEnd          uint64
	EnvStart, EnvEnd          uint64
	Auxv                      []uint64
	Exe                       *vfs.File
	DumpFilter                uint32         // coredump_filter
	User                      usermem.Memory // with the rights of the program
	Forced                    usermem.Memory // past the protection, as ptrace(2) does
	// Regions lists the lines of maps; with usage, what smaps adds to them.
	Regions func(usage bool) iter.Seq[Region]
}

// Region is one line of maps.
type Region struct {
	Start, End           uint64
	Read, Write, Execute bool
	Shared               bool
	Offset               uint64
	File                 *vfs.File // nil: none
	Name                 string    // without a file: [heap], [stack], ...

	Own, Others uint64 // pages with a frame: of the address space alone, and of the file
	Locked      bool
	Flags       []string // VmFlags of smaps
}

// System is the machine as a whole. Times are in ns, memory in pages.
type System struct {
	Uptime, Boot         int64 // since boot; CLOCK_REALTIME at boot
	User, Sys            int64 // processor time used so far
	Forks, Switches      uint64
	Interrupts           uint64
	Running, Threads     int
	LastPID              int32
	Load                 [3]uint64 // fixed point, 11 bits of fraction
	Total, Free          uint64
	Reserved             uint64 // free, but kept back
	PageTables           uint64
	Kept                 uint64 // for page tables and the kernel's objects, and free: data cannot have it any more
	Shmem, Anonymous     uint64
	OpenFiles, Inodes    uint64
	Hostname, Domainname string
	CorePattern          string
	CoreUsesPID          int32
	CommandLine          string
	Release, Version     string // of Linux, as uname(2) tells
	Processor            string // text of cpuinfo
	PIDMax, ThreadsMax   int32
	Faults               uint64
	Terminals            int
}
