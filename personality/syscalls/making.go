package syscalls

import "golang.org/x/sys/unix"

// making are the calls that make objects of the personality which outlive them: files, names, regions, processes, watches
// and records of messages. Where a call does several things and only one of them makes something, as epoll_ctl(2), that one asks
// itself. Not among them are calls whose objects are bounded otherwise: signals (RLIMIT_SIGPENDING), flock(2) (one lock for
// each open file), semop(2) (one list for each process and set), and those that wait (one record for each thread); nor fcntl(2), where to refuse
// all of it would do more harm than its locks. They, and what frees something, must go on when memory is short.
var making = [...]int32{
	unix.SYS_OPEN, unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_CREAT, unix.SYS_MEMFD_CREATE,
	unix.SYS_MKDIR, unix.SYS_MKDIRAT, unix.SYS_MKNOD, unix.SYS_MKNODAT, unix.SYS_SYMLINK, unix.SYS_SYMLINKAT,
	unix.SYS_LINK, unix.SYS_LINKAT, unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2,
	unix.SYS_DUP, unix.SYS_DUP2, unix.SYS_DUP3,
	unix.SYS_PIPE, unix.SYS_PIPE2, unix.SYS_MOUNT, unix.SYS_UNSHARE,
	unix.SYS_INOTIFY_INIT, unix.SYS_INOTIFY_INIT1, unix.SYS_INOTIFY_ADD_WATCH,
	unix.SYS_EPOLL_CREATE, unix.SYS_EPOLL_CREATE1,
	unix.SYS_EVENTFD, unix.SYS_EVENTFD2, unix.SYS_TIMERFD_CREATE, unix.SYS_SIGNALFD, unix.SYS_SIGNALFD4,
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_BIND, unix.SYS_CONNECT, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG,
	unix.SYS_TIMER_CREATE, unix.SYS_SECCOMP, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN,
	unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_CLONE, unix.SYS_CLONE3, unix.SYS_EXECVE, unix.SYS_EXECVEAT,
	unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD,
	unix.SYS_MMAP, unix.SYS_MPROTECT, unix.SYS_PKEY_MPROTECT, unix.SYS_MREMAP, unix.SYS_MLOCK, unix.SYS_MLOCK2, unix.SYS_SETGROUPS,
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SEMGET, unix.SYS_MSGGET, unix.SYS_MSGSND,
	unix.SYS_MQ_OPEN, unix.SYS_MQ_TIMEDSEND, unix.SYS_MQ_NOTIFY,
}
