package syscalls

import "golang.org/x/sys/unix"

// traceRows are the calls that look into other threads, and seccomp(2).
var traceRows = []Row{
	{unix.SYS_PTRACE, "ptrace", ptrace, Partial, "all requests ([ptrace.md](ptrace.md)) but branch stepping and 32-bit thread areas (EIO)"},
	{unix.SYS_PROCESS_VM_READV, "process_vm_readv", processVMReadv, Full, ""},
	{unix.SYS_PROCESS_VM_WRITEV, "process_vm_writev", processVMWritev, Full, ""},
	{unix.SYS_KCMP, "kcmp", kcmp, Full, ""},
	{unix.SYS_SECCOMP, "seccomp", seccompCall, Full, ""},
	{unix.SYS_BPF, "bpf", bpfSyscall, Partial, "array, hash, per-CPU and ring-buffer maps, arrays of events, programs for probes, links to events and to many places; no pinning, batches, maps of maps, other programs; docs/probes.md"},
	{unix.SYS_PERF_EVENT_OPEN, "perf_event_open", perfEventOpen, Partial, "the uprobe unit, counting only (samples: EOPNOTSUPP), and the output of bpf programs; other types: ENOENT"},
}
