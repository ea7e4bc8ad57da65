//go:build suites

package suites

// selftest is one program of Linux's tools/testing/selftests.
type selftest struct {
	folder  string
	name    string
	sources []string // besides NAME.c
	flags   []string
}

func (s *selftest) id() string { return s.folder + "/" + s.name }

// many is programs of a folder that are built of one file each.
func many(folder string, names ...string) (list []selftest) {
	for _, n := range names {
		list = append(list, selftest{folder: folder, name: n})
	}
	return list
}

// selftests is what is run. Left out is what takes minutes, what is about devices, and
// what measures latencies, which an emulator does not have.
func selftests() (list []selftest) {
	for _, l := range [][]selftest{
		many("x86", "single_step_syscall", "syscall_nt", "test_mremap_vdso", "sigreturn", "iopl", "ioperm", "test_vsyscall",
			"mov_ss_trap", "sigtrap_loop", "syscall_arg_fault", "fsgsbase", "fsgsbase_restore", "sigaltstack", "sysret_rip",
			"corrupt_xstate_header", "amx", "ldt_gdt", "ptrace_syscall", "test_FISTTP", "test_FCMOV", "test_FCOMI"),
		{{folder: "x86", name: "check_initial_reg_state", flags: []string{"-Wl,-ereal_start"}}},
		{{folder: "x86", name: "sysret_ss_attrs", sources: []string{"thunks.S"}}},
		many("breakpoints", "breakpoint_test"),
		many("ptrace", "get_syscall_info", "peeksiginfo", "vmaccess"),
		many("sigaltstack", "sas"),
		many("timers", "nanosleep", "set-tai", "set-tz"),
		many("futex/functional", "futex_requeue", "futex_requeue_pi", "futex_requeue_pi_mismatched_ops",
			"futex_requeue_pi_signal_restart", "futex_wait", "futex_wait_private_mapped_file", "futex_wait_timeout",
			"futex_wait_uninitialized_heap", "futex_wait_wouldblock", "futex_waitv"),
		many("seccomp", "seccomp_bpf"),
		many("clone3", "clone3", "clone3_clear_sighand", "clone3_set_tid", "clone3_cap_checkpoint_restore"),
		many("pidfd", "pidfd_fdinfo_test", "pidfd_getfd_test", "pidfd_open_test", "pidfd_poll_test", "pidfd_setns_test",
			"pidfd_test", "pidfd_wait"),
		{{folder: "rseq", name: "basic_test", sources: []string{"rseq.c"}}},
		many("membarrier", "membarrier_test_multi_thread", "membarrier_test_single_thread"),
		many("kcmp", "kcmp_test"),
		many("mqueue", "mq_open_tests"),
		many("mincore", "mincore_selftest"),
		many("proc", "fd-001-lookup", "fd-002-posix-eq", "fd-003-kthread", "proc-empty-vm", "proc-loadavg-001",
			"proc-multiple-procfs", "proc-pid-vm", "proc-self-map-files-001", "proc-self-map-files-002", "proc-self-syscall",
			"proc-self-wchan", "proc-subset-pid", "proc-tid0", "proc-uptime-001", "read", "self", "setns-dcache",
			"setns-sysvipc", "thread-self"),
		many("splice", "default_file_splice_read", "splice_read"),
		many("exec", "load_address", "non-regular", "null-argv", "recursion-depth"),
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
		many("vm", "map_fixed_noreplace", "map_populate", "mlock2-tests", "mremap_dontunmap", "on-fault-limit"),
	} {
		list = append(list, l...)
	}
	return list
}

// deviations are the tests whose results differ, with the reason.
var deviations = map[string]string{
	"x86/fsgsbase":                 compat,
	"x86/fsgsbase_restore":         compat,
	"x86/ldt_gdt":                  compat,
	"x86/ptrace_syscall":           compat,
	"x86/sigreturn":                compat,
	"x86/sysret_ss_attrs":          compat,
	"x86/iopl":                     "iopl(2) is ENOSYS, as Linux without CONFIG_X86_IOPL_IOPERM",
	"x86/ioperm":                   "ioperm(2) is ENOSYS, as Linux without CONFIG_X86_IOPL_IOPERM",
	"x86/sigaltstack":              "the processor's protection keys are off: the frame of a signal is small enough for every stack that is allowed",
	"breakpoints/breakpoint_test":  "QEMU looks up the page of an instruction before it looks for a breakpoint: in a page that is not there yet it misses the first; Linux maps the neighbours of a page with it",
	"rseq/basic_test":              "rseq(2) is ENOSYS, as Linux without CONFIG_RSEQ",
	"mqueue/mq_open_tests":         "there are no POSIX message queues (ENOSYS), as Linux without CONFIG_POSIX_MQUEUE",
	"futex/functional/futex_wait":  "shmget(2) is ENOSYS, as Linux without CONFIG_SYSVIPC; time-outs of a millisecond under an emulator",
	"futex/functional/futex_waitv": "shmget(2) is ENOSYS, as Linux without CONFIG_SYSVIPC",

	"clone3/clone3":                namespaces,
	"clone3/clone3_set_tid":        namespaces,
	"exec/recursion-depth":         namespaces,
	"openat2/resolve_test":         namespaces,
	"tmpfs/bug-link-o-tmpfile":     namespaces,
	"pidfd/pidfd_fdinfo_test":      namespaces,
	"pidfd/pidfd_setns_test":       namespaces,
	"pidfd/pidfd_poll_test":        "ten thousand children take Linux longer than the limit when the emulator is slow",
	"pidfd/pidfd_test":             namespaces + "; with Linux in a slow emulator it does not end within the limit",
	"proc/proc-loadavg-001":        namespaces,
	"proc/proc-pid-vm":             namespaces,
	"proc/proc-subset-pid":         namespaces,
	"proc/setns-dcache":            namespaces,
	"proc/setns-sysvipc":           namespaces,
	"rlimits/rlimits-per-userns":   namespaces,
	"proc/fd-003-kthread":          "there are no kernel threads to look at",
	"proc/proc-multiple-procfs":    "every mount of proc is the same instance",
	"proc/proc-self-map-files-001": "there is no /proc/PID/map_files, as Linux without CONFIG_CHECKPOINT_RESTORE",
	"proc/proc-self-map-files-002": "there is no /proc/PID/map_files, as Linux without CONFIG_CHECKPOINT_RESTORE",
	"seccomp/seccomp_bpf":          namespaces,
	"exec/non-regular":             "the test makes a socket of AF_INET",
	"mincore/mincore_selftest":     "pages that fallocate(2) has made count as there",
}

const (
	compat     = "int 0x80 and segments of the program's own need what 32-bit programs need: SIGSEGV and ENOSYS, as Linux without CONFIG_IA32_EMULATION and CONFIG_MODIFY_LDT_SYSCALL"
	namespaces = "namespaces are refused with EINVAL, as Linux without CONFIG_NAMESPACES"
)
