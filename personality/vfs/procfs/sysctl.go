package procfs

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"starling/personality/sysv"
	"starling/personality/tty"
	"starling/personality/vfs/inotify"
	"starling/personality/vfs/mqueue"
)

// sysctl is /proc/sys. What can be written is what changes something.
var sysctl = []*entry{
	dir("dev", dir("tty", constant("legacy_tiocsti", "0\n"), constant("ldisc_autoload", "1\n"))),
	dir("fs", sorted(
		value("file-max", 65536), value("nr_open", 1<<20), value("pipe-max-size", 1<<20),
		value("pipe-user-pages-soft", 16384), value("pipe-user-pages-hard", 0), value("mount-max", 10000),
		value("lease-break-time", 45), value("leases-enable", 0), value("overflowuid", 65534), value("overflowgid", 65534),
		value("protected_symlinks", 0), value("protected_hardlinks", 0), value("protected_fifos", 0), value("protected_regular", 0),
		value("suid_dumpable", 0),
		file("file-nr", func(r *request) ([]byte, unix.Errno) {
			return fmt.Appendf(nil, "%d\t0\t65536\n", r.fs.source.System().OpenFiles), 0
		}),
		file("inode-nr", func(r *request) ([]byte, unix.Errno) {
			return fmt.Appendf(nil, "%d\t0\n", r.fs.source.System().Inodes), 0
		}),
		dir("epoll", value("max_user_watches", 1<<20)),
		dir("inotify", value("max_queued_events", inotify.QueueMax), value("max_user_instances", inotify.InstancesMax), value("max_user_watches", inotify.WatchesMax)),
		dir("mqueue", queueLimit("msg_default", mqueue.MessagesDefault, 1, mqueue.HardMessages), queueLimit("msg_max", mqueue.MessagesMax, 1, mqueue.HardMessages),
			queueLimit("msgsize_default", mqueue.SizeDefault, mqueue.LeastSize, mqueue.HardSize),
			queueLimit("msgsize_max", mqueue.SizeMax, mqueue.LeastSize, mqueue.HardSize), queueLimit("queues_max", mqueue.QueuesMax, 0, math.MaxInt32)),
	)...),
	dir("kernel", sorted(
		constant("ostype", systemName+"\n"),
		file("osrelease", func(r *request) ([]byte, unix.Errno) { return []byte(r.fs.source.System().Release + "\n"), 0 }),
		file("version", func(r *request) ([]byte, unix.Errno) { return []byte(r.fs.source.System().Version + "\n"), 0 }),
		&entry{name: "hostname", mode: unix.S_IFREG | 0644, show: showHostname(false), store: storeHostname(false)},
		&entry{name: "domainname", mode: unix.S_IFREG | 0644, show: showHostname(true), store: storeHostname(true)},
		file("pid_max", func(r *request) ([]byte, unix.Errno) {
			return fmt.Appendf(nil, "%d\n", r.fs.source.System().PIDMax), 0
		}),
		file("threads-max", func(r *request) ([]byte, unix.Errno) {
			return fmt.Appendf(nil, "%d\n", r.fs.source.System().ThreadsMax), 0
		}),
		file("ns_last_pid", func(r *request) ([]byte, unix.Errno) {
			return fmt.Appendf(nil, "%d\n", r.fs.source.System().LastPID), 0
		}),
		value("cap_last_cap", unix.CAP_LAST_CAP), value("ngroups_max", 65536), value("randomize_va_space", 2),
		&entry{name: "core_pattern", mode: unix.S_IFREG | 0644, show: showCorePattern, store: storeCorePattern},
		&entry{name: "core_uses_pid", mode: unix.S_IFREG | 0644, show: showCoreUsesPID, store: storeCoreUsesPID},
		value("dmesg_restrict", 1), value("kptr_restrict", 1),
		value("overflowuid", 65534), value("overflowgid", 65534), value("panic", 0), value("perf_event_paranoid", 2),
		value("sched_rr_timeslice_ms", 100), value("sched_rt_period_us", 1_000_000), value("sched_rt_runtime_us", 950_000),
		value("sysrq", 0), value("tainted", 0), value("unprivileged_bpf_disabled", 2), value("unprivileged_userns_clone", 0),
		value("msgmax", sysv.TextMax), value("msgmnb", sysv.QueueBytes), value("msgmni", sysv.QueuesMax),
		constant("sem", fmt.Sprintf("%d\t%d\t%d\t%d\n", sysv.PerSet, sysv.SemaphoresMax, sysv.OperationsMax, sysv.SetsMax)),
		constant("shmall", fmt.Sprintln(sysv.PagesMax)), constant("shmmax", fmt.Sprintln(sysv.SegmentBytesMax)),
		nextID("msg_next_id", func(s *sysv.System) wanted { return &s.Queues }), nextID("sem_next_id", func(s *sysv.System) wanted { return &s.Sets }),
		nextID("shm_next_id", func(s *sysv.System) wanted { return &s.Segments }),
		value("shmmni", sysv.SegmentsMax), value("shm_rmid_forced", 0),
		constant("printk", "4\t4\t1\t7\n"), constant("modprobe", "/sbin/modprobe\n"), constant("arch", "x86_64\n"),
		dir("random", value("entropy_avail", 256), value("poolsize", 256),
			value("write_wakeup_threshold", 256), value("urandom_min_reseed_secs", 60),
			file("boot_id", func(r *request) ([]byte, unix.Errno) { return []byte(uuid(r.fs.bootID) + "\n"), 0 }),
			file("uuid", func(r *request) ([]byte, unix.Errno) {
				var b [16]byte
				r.fs.source.Random(b[:])
				return []byte(uuid(b) + "\n"), 0
			})),
		dir("yama", value("ptrace_scope", 0)),
		dir("pty", value("max", tty.MaxPairs), value("reserve", 0),
			file("nr", func(r *request) ([]byte, unix.Errno) {
				return fmt.Appendf(nil, "%d\n", r.fs.source.System().Terminals), 0
			})),
		dir("seccomp", constant("actions_avail", "kill_process kill_thread trap errno user_notif trace log allow\n")),
	)...),
	dir("net", dir("core", value("somaxconn", 4096)), dir("unix", value("max_dgram_qlen", 10))),
	dir("user", value("max_user_namespaces", 0)),
	dir("vm", sorted(
		value("overcommit_memory", 1), value("overcommit_ratio", 50), value("max_map_count", 65530),
		value("mmap_min_addr", 65536), value("swappiness", 60), value("drop_caches", 0), value("oom_kill_allocating_task", 0),
		value("panic_on_oom", 0), value("page-cluster", 3), value("nr_hugepages", 0), value("legacy_va_layout", 0),
		value("min_free_kbytes", 0), value("dirty_ratio", 20), value("dirty_background_ratio", 10),
	)...),
}

// wanted is a table of System V IPC.
type wanted interface {
	Wanted() int32
	Want(id int32)
}

// nextID is the identifier that the next object is to get: how restored programs find theirs again.
func nextID(name string, of func(*sysv.System) wanted) *entry {
	return &entry{name: name, mode: unix.S_IFREG | 0644, show: func(r *request) ([]byte, unix.Errno) {
		return fmt.Appendf(nil, "%d\n", of(r.fs.source.SystemV()).Wanted()), 0
	}, store: func(r *request, text string) unix.Errno {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 0, 32)
		switch {
		case !r.c.Cred.Has(unix.CAP_SYS_ADMIN) && !r.c.Cred.Has(unix.CAP_CHECKPOINT_RESTORE):
			return unix.EPERM
		case err != nil || n < 0 || n >= math.MaxInt32:
			return unix.EINVAL
		}
		of(r.fs.source.SystemV()).Want(int32(n))
		return 0
	}}
}

// queueLimit is a limit of message queues (mq_overview(7)).
func queueLimit(name string, index int, least, most uint64) *entry {
	return &entry{name: name, mode: unix.S_IFREG | 0644, show: func(r *request) ([]byte, unix.Errno) {
		return fmt.Appendf(nil, "%d\n", r.fs.source.Queues().Limits[index]), 0
	}, store: func(r *request, text string) unix.Errno {
		n, err := strconv.ParseUint(strings.TrimSpace(text), 0, 32)
		if err != nil || n < least || n > most {
			return unix.EINVAL
		}
		r.fs.source.Queues().Limits[index] = uint32(n)
		return 0
	}}
}

// value is a number that does not change.
func value(name string, v int64) *entry { return constant(name, fmt.Sprintf("%d\n", v)) }

// uuid is the text of a random (version 4) UUID made of b (RFC 4122).
func uuid(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func showHostname(domain bool) func(*request) ([]byte, unix.Errno) {
	return func(r *request) ([]byte, unix.Errno) {
		s := r.fs.source.System()
		if domain {
			return []byte(s.Domainname + "\n"), 0
		}
		return []byte(s.Hostname + "\n"), 0
	}
}

// maxName is the longest name uname(2) shows (__NEW_UTS_LEN).
const maxName = 64

func storeHostname(domain bool) func(*request, string) unix.Errno {
	return func(r *request, text string) unix.Errno {
		if !r.c.Cred.Has(unix.CAP_SYS_ADMIN) {
			return unix.EPERM
		}
		text, _, _ = strings.Cut(text, "\n")
		r.fs.source.SetName(domain, text[:min(len(text), maxName)])
		return 0
	}
}
