//go:build suites

package suites

import (
	"cmp"
	"strings"
)

// selftest is one program of Linux's tools/testing/selftests.
type selftest struct {
	folder  string
	name    string
	as      string   // what the program is called here, if not so
	sources []string // besides NAME.c
	flags   []string
	prepare string // a line for the shell, in the folder of the program; "set --" gives it arguments
}

func (s *selftest) id() string { return s.folder + "/" + cmp.Or(s.as, s.name) }

// edits take out of programs the one thing that would end them here, so that the rest of them is tested:
// int 0x80 of 64-bit code, which is SIGSEGV. Each is an old and a new text.
var edits = map[string][2]string{
	"x86/ptrace_syscall":   {"test_sys32_regs(do_full_int80);", ";"},
	"x86/fsgsbase":         {`"int $0x80"`, `"mov $-38, %%eax"`},
	"x86/fsgsbase_restore": {`"int $0x80"`, `"mov $-38, %%eax"`},
}

// optimised are the folders whose Makefile asks for it; in the others it would remove what is tested.
var optimised = map[string]string{"x86": "-O2", "timers": "-O3", "futex/functional": "-O2", "rseq": "-O2", "mqueue": "-O2",
	"proc": "-O2", "tmpfs": "-O2", "rlimits": "-O2", "sched": "-O2", "capabilities": "-O2", "openat2": "-O2", "nolibc": "-Os", "ipc": "-O2"}

// many is programs of a folder that are built of one file each.
func many(folder string, names ...string) (list []selftest) {
	for _, n := range names {
		list = append(list, selftest{folder: folder, name: n})
	}
	return list
}

// rseqs is rseq/param_test, once for each sort of sequence, with fewer rounds than usual: an emulator runs them.
func rseqs(sorts ...string) (list []selftest) {
	for _, s := range sorts {
		list = append(list, selftest{folder: "rseq", name: "param_test", as: "param_test" + strings.ReplaceAll(s, " ", ""), sources: []string{"rseq.c"},
			prepare: "set -- -t 4 -r 200 -T " + s})
	}
	return list
}

// selftests is what is run. Left out is what takes minutes, what is about devices, and
// what measures latencies, which an emulator does not have.
func selftests() (list []selftest) {
	for _, l := range [][]selftest{
		many("x86", "single_step_syscall", "syscall_nt", "test_mremap_vdso", "sigreturn", "iopl", "ioperm", "test_vsyscall",
			"mov_ss_trap", "sigtrap_loop", "syscall_arg_fault", "fsgsbase", "fsgsbase_restore", "sigaltstack", "sysret_rip",
			"corrupt_xstate_header", "amx", "syscall_numbering", "ptrace_syscall", "test_FISTTP", "test_FCMOV", "test_FCOMI"),
		{{folder: "x86", name: "check_initial_reg_state", flags: []string{"-Wl,-ereal_start"}}},
		{{folder: "x86", name: "sysret_ss_attrs", sources: []string{"thunks.S"}}},
		many("breakpoints", "breakpoint_test"),
		many("ptrace", "get_syscall_info", "peeksiginfo", "vmaccess"),
		many("sigaltstack", "sas"),
		many("timers", "nanosleep", "posix_timers", "set-2038", "set-tai", "set-tz", "threadtest"),
		many("futex/functional", "futex_requeue", "futex_requeue_pi", "futex_requeue_pi_mismatched_ops",
			"futex_requeue_pi_signal_restart", "futex_wait", "futex_wait_private_mapped_file", "futex_wait_timeout",
			"futex_wait_uninitialized_heap", "futex_wait_wouldblock", "futex_waitv"),
		many("seccomp", "seccomp_bpf"),
		many("clone3", "clone3", "clone3_clear_sighand", "clone3_set_tid", "clone3_cap_checkpoint_restore"),
		many("pidfd", "pidfd_fdinfo_test", "pidfd_getfd_test", "pidfd_open_test", "pidfd_poll_test", "pidfd_setns_test",
			"pidfd_test", "pidfd_wait"),
		{{folder: "rseq", name: "basic_test", sources: []string{"rseq.c"}}},
		rseqs("s", "l", "b", "b -M", "m", "m -M", "i", "r"),
		many("ipc", "msgque"),
		many("membarrier", "membarrier_test_multi_thread", "membarrier_test_single_thread"),
		many("kcmp", "kcmp_test"),
		many("mqueue", "mq_open_tests"),
		many("mincore", "mincore_selftest"),
		many("proc", "fd-001-lookup", "fd-002-posix-eq", "fd-003-kthread", "proc-empty-vm", "proc-loadavg-001",
			"proc-multiple-procfs", "proc-pid-vm", "proc-self-map-files-001", "proc-self-map-files-002", "proc-self-syscall",
			"proc-self-wchan", "proc-subset-pid", "proc-tid0", "proc-uptime-001", "proc-uptime-002", "read", "self", "setns-dcache",
			"setns-sysvipc", "thread-self"),
		many("splice", "default_file_splice_read"),
		many("exec", "non-regular", "null-argv", "recursion-depth"),
		{{folder: "exec", name: "execveat", prepare: "mkdir -p subdir; echo '#!/bin/sh' >script; echo 'exit $*' >>script; " +
			"chmod +x script; ln -sf execveat execveat.symlink; cp execveat execveat.denatured; chmod -x execveat.denatured"}},
		many("filesystems/epoll", "epoll_wakeup_test"),
		many("capabilities", "test_execve"),
		many("mount", "nosymfollow-test", "unprivileged-remount-test"),
		many("nolibc", "nolibc-test"),
		many("perf_events", "remove_on_exec", "sigtrap_threads"),
		{{folder: "vm", name: "madv_populate", sources: []string{"vm_util.c"}}},
		many("pid_namespace", "regression_enomem"),
		{{folder: "memfd", name: "memfd_test", sources: []string{"common.c"}}},
		{
			{folder: "openat2", name: "openat2_test", sources: []string{"helpers.c"}},
			{folder: "openat2", name: "resolve_test", sources: []string{"helpers.c"}},
		},
		many("tmpfs", "bug-link-o-tmpfile"),
		{
			{folder: "vDSO", name: "vdso_test_gettimeofday", sources: []string{"parse_vdso.c"}},
			{folder: "vDSO", name: "vdso_test_getcpu", sources: []string{"parse_vdso.c"}},
			{folder: "vDSO", name: "vdso_test_abi", sources: []string{"parse_vdso.c"}},
		},
		many("vDSO", "vdso_test_clock_getres", "vdso_test_correctness"),
		many("prctl", "disable-tsc-test"),
		many("rlimits", "rlimits-per-userns"),
		many("syscall_user_dispatch", "sud_test"),
		many("core", "close_range_test"),
		many("sched", "cs_prctl_test"),
		many("vm", "map_fixed_noreplace", "map_populate", "mlock2-tests", "mlock-random-test", "mremap_dontunmap", "mremap_test", "mrelease_test",
			"on-fault-limit"),
	} {
		list = append(list, l...)
	}
	return list
}

// selftestDeviations are the results that differ, with the reason.
var selftestDeviations = []deviation{
	{test: "x86/fsgsbase: *", why: compat},
	{test: "x86/fsgsbase_restore: *", why: compat},
	{test: "x86/ptrace_syscall: *", why: compat},
	{test: "x86/sigreturn: *", why: compat},
	{test: "x86/sysret_ss_attrs: *", why: compat},
	{test: "x86/iopl: *", why: "iopl(2) is ENOSYS, as Linux without CONFIG_X86_IOPL_IOPERM"},
	{test: "x86/ioperm: *", why: "ioperm(2) is ENOSYS, as Linux without CONFIG_X86_IOPL_IOPERM"},
	{test: "x86/sigaltstack: *", why: "the processor's protection keys are off: the frame of a signal is small enough for every stack that is allowed"},
	{test: "breakpoints/breakpoint_test: *", why: "QEMU looks up the page of an instruction before it looks for a breakpoint: in a page that is not there yet it misses the first; Linux maps the neighbours of a page with it"},
	{test: "futex/functional/futex_wait: *", why: "time-outs of a millisecond under an emulator"},
	{test: "futex/functional/futex_waitv: *", why: "its thread has ten milliseconds to come to wait, which Linux in a slow emulator does not always make"},
	{test: "clone3/clone3: *", why: namespaces},
	{test: "clone3/clone3_set_tid: *", why: namespaces},
	{test: "exec/recursion-depth: *", why: namespaces},
	{test: "nolibc/nolibc-test: *_cross*", why: noInternet + "; the test uses /proc/self/net"},
	{test: "timers/posix_timers: Check itimer prof...", got: "[OK]", why: "it is about half a second of processor time, of which Linux in a slow emulator loses some"},
	{test: "openat2/resolve_test: *", why: namespaces},
	{test: "tmpfs/bug-link-o-tmpfile: *", why: namespaces},
	{test: "pidfd/pidfd_fdinfo_test: *", why: namespaces},
	{test: "pidfd/pidfd_setns_test: *", why: namespaces},
	{test: "pidfd/pidfd_poll_test: *", why: "ten thousand children take Linux longer than the limit when the emulator is slow"},
	{test: "pidfd/pidfd_test: *", why: namespaces + "; with Linux in a slow emulator it does not end within the limit"},
	{test: "proc/proc-loadavg-001: *", why: namespaces},
	{test: "proc/proc-pid-vm: *", why: namespaces},
	{test: "proc/proc-subset-pid: *", why: namespaces},
	{test: "proc/setns-dcache: *", why: namespaces},
	{test: "proc/setns-sysvipc: *", why: namespaces},
	{test: "rlimits/rlimits-per-userns: *", why: namespaces},
	{test: "proc/fd-003-kthread: *", why: "there are no kernel threads to look at"},
	{test: "proc/proc-multiple-procfs: *", why: "every mount of proc is the same instance"},
	{test: "proc/proc-self-map-files-001: *", why: "there is no /proc/PID/map_files, as Linux without CONFIG_CHECKPOINT_RESTORE"},
	{test: "proc/proc-self-map-files-002: *", why: "there is no /proc/PID/map_files, as Linux without CONFIG_CHECKPOINT_RESTORE"},
	{test: "seccomp/seccomp_bpf: *user_notification_child_pid_ns", why: namespaces},
	{test: "seccomp/seccomp_bpf: *user_notification_sibling_pid_ns", why: namespaces},
	{test: "seccomp/seccomp_bpf: *user_notification_fault_recv", why: namespaces},
	{test: "seccomp/seccomp_bpf: *# SKIP kernel missing CLONE_NEWUSER support", why: namespaces},
	{test: "seccomp/seccomp_bpf: #*", why: "it counts the others"},
	{test: "seccomp/seccomp_bpf: exit", got: "1", why: "for the others"},
	{test: "exec/non-regular: *", why: "the test makes a socket of AF_INET"},
	{test: "capabilities/test_execve: *", why: namespaces},
	{test: "mount/*", why: namespaces},
	{test: "pid_namespace/*", why: namespaces},
	{test: "perf_events/sigtrap_threads: *", why: "perf_event_open(2) knows probes only: there are no events of breakpoints (ENOENT)"},
	{test: "vm/madv_populate: *", why: "there is no /proc/PID/pagemap, as Linux without CONFIG_PROC_PAGE_MONITOR"},
	{test: "vm/mremap_test: *", why: "it moves mappings of 1 GiB, more than the machine has, and ends at the limit of time"},
	{test: "filesystems/epoll/epoll_wakeup_test: *", why: "it ends at the limit of time, after as many tests as the emulator is fast"},
	{test: "mincore/mincore_selftest: *", why: "pages that fallocate(2) has made count as there"},
}

const (
	compat     = "int 0x80 and segments of the program's own need what 32-bit programs need: SIGSEGV and ENOSYS, as Linux without CONFIG_IA32_EMULATION and CONFIG_MODIFY_LDT_SYSCALL"
	namespaces = "namespaces are refused with EINVAL, as Linux without CONFIG_NAMESPACES"
)
