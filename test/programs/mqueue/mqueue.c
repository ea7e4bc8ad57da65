// Mqueue uses POSIX message queues (mq_overview(7)) in every way and prints what each call gave. Its output
// is the same on every Linux.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *name(int e)
{
	static const struct { int e; const char *name; } all[] = {
		{ EPERM, "EPERM" }, { ENOENT, "ENOENT" }, { EINTR, "EINTR" }, { EBADF, "EBADF" }, { EAGAIN, "EAGAIN" }, { ENOMEM, "ENOMEM" },
		{ EACCES, "EACCES" }, { EFAULT, "EFAULT" }, { EEXIST, "EEXIST" }, { EINVAL, "EINVAL" }, { EMSGSIZE, "EMSGSIZE" },
		{ ENOSPC, "ENOSPC" }, { EMFILE, "EMFILE" }, { ENOSYS, "ENOSYS" }, { EBUSY, "EBUSY" }, { ETIMEDOUT, "ETIMEDOUT" },
		{ ENAMETOOLONG, "ENAMETOOLONG" }, { ENOTDIR, "ENOTDIR" }, { ENODEV, "ENODEV" }, { ESPIPE, "ESPIPE" },
	};
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].e == e)
			return all[i].name;
	return "another errno";
}

static void is(const char *what, long r)
{
	if (r < 0)
		printf("%s: %s\n", what, name(errno));
	else
		printf("%s: %ld\n", what, r);
}

#define IS(call) is(#call, (long)(call))

static struct timespec in(long ms)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static long sys_open(const char *n, int flags, int mode, struct mq_attr *a) { return syscall(SYS_mq_open, n, flags, mode, a); }

static void receive(mqd_t q, size_t size)
{
	char b[9000] = "";
	unsigned priority = 0;
	ssize_t n = mq_receive(q, b, size, &priority);
	if (n < 0)
		printf("receive: %s\n", name(errno));
	else
		printf("receive: %zd bytes of priority %u: %s\n", n, priority, b);
}

static void show(mqd_t q)
{
	struct mq_attr a;
	char line[200] = "", *end;
	mq_getattr(q, &a);
	lseek(q, 0, SEEK_SET);
	read(q, line, sizeof line - 1);
	if ((end = strstr(line, "NOTIFY_PID:")))
		strcpy(end, atoi(end + 11) == getpid() ? "me" : atoi(end + 11) == 0 ? "nobody" : "another");
	struct pollfd p = { q, POLLIN | POLLOUT, 0 };
	poll(&p, 1, 0);
	printf("queue: flags %#lx, %ld of %ld messages of %ld bytes, events %#x, %s\n", a.mq_flags, a.mq_curmsgs, a.mq_maxmsg, a.mq_msgsize, p.revents, line);
}

static volatile int signals;
static siginfo_t last;

static void told(int sig, siginfo_t *i, void *context)
{
	(void)context;
	signals++;
	last = *i;
	(void)sig;
}

static void wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		;
	if (status)
		printf("child: status %#x\n", status);
}

#define CHILD(...) do { fflush(stdout); pid_t p_ = fork(); if (p_ == 0) { __VA_ARGS__; fflush(stdout); _exit(0); } wait_for(p_); } while (0)

static void names(void)
{
	char longest[300];
	IS(sys_open("", O_RDWR | O_CREAT, 0600, NULL));
	IS(sys_open("a/b", O_RDWR | O_CREAT, 0600, NULL));
	IS(sys_open("/a", O_RDWR | O_CREAT, 0600, NULL));
	IS(sys_open(".", O_RDWR | O_CREAT, 0600, NULL));
	IS(sys_open("..", O_RDWR, 0, NULL));
	memset(longest, 'x', sizeof longest);
	longest[256] = 0;
	IS(sys_open(longest, O_RDWR | O_CREAT, 0600, NULL));
	longest[255] = 0;
	IS(close(sys_open(longest, O_RDWR | O_CREAT, 0600, NULL)));
	IS(mq_unlink(longest));
	IS(sys_open((char *)8, O_RDWR, 0, NULL));
	IS(sys_open("starling", O_RDWR, 0, NULL));
	IS(sys_open("starling", O_RDWR | O_CREAT, 0600, (struct mq_attr *)8));
	IS(syscall(SYS_mq_unlink, "starling"));
	IS(syscall(SYS_mq_unlink, "a/b"));
	IS(syscall(SYS_mq_unlink, ""));
}

static void making(void)
{
	struct mq_attr a = { .mq_maxmsg = 0, .mq_msgsize = 8 };
	IS(mq_open("/starling", O_RDWR | O_CREAT, 0600, &a));
	a.mq_maxmsg = -1;
	IS(mq_open("/starling", O_RDWR | O_CREAT, 0600, &a));
	a.mq_maxmsg = 65537;
	IS(mq_open("/starling", O_RDWR | O_CREAT, 0600, &a));
	CHILD(setresuid(1000, 1000, 1000); a.mq_maxmsg = 11; a.mq_msgsize = 8; IS(mq_open("/starling", O_RDWR | O_CREAT, 0600, &a)); a.mq_maxmsg = 1; a.mq_msgsize = 8193;
	      IS(mq_open("/starling", O_RDWR | O_CREAT, 0600, &a)));
	umask(022);
	mqd_t q = mq_open("/starling", O_RDWR | O_CREAT | O_EXCL, 0666, NULL);
	struct stat st;
	fstat(q, &st);
	printf("mode %o, size %ld, flags %#x, close on exec %d\n", st.st_mode, (long)st.st_size, fcntl(q, F_GETFL), fcntl(q, F_GETFD));
	IS(mq_open("/starling", O_RDWR | O_CREAT | O_EXCL, 0600, NULL));
	IS(mq_open("/starling", 3, 0600, NULL));
	show(q);
	CHILD(setresuid(1000, 1000, 1000); IS(mq_open("/starling", O_WRONLY)); IS(mq_open("/starling", O_RDONLY) == q + 1); IS(mq_unlink("/starling")));
	IS(mq_unlink("/starling"));
	IS(mq_open("/starling", O_RDWR));
	show(q);
	IS(write(q, "x", 1));
	IS(mq_close(q));
	struct rlimit l;
	getrlimit(RLIMIT_MSGQUEUE, &l);
	struct rlimit little = { 1000, 1000 };
	CHILD(setrlimit(RLIMIT_MSGQUEUE, &little); setresuid(4243, 4243, 4243); a.mq_maxmsg = 8; a.mq_msgsize = 29; IS(mq_open("/starling", O_RDWR | O_CREAT, 0600, &a) > 0); IS(mq_unlink("/starling"));
	      a.mq_msgsize = 30; IS(mq_open("/starling", O_RDWR | O_CREAT, 0600, &a)));
}

static void messages(void)
{
	struct mq_attr a = { .mq_maxmsg = 4, .mq_msgsize = 16 };
	mqd_t q = mq_open("/starling", O_RDWR | O_CREAT, 0600, &a);
	mqd_t reader = mq_open("/starling", O_RDONLY | O_NONBLOCK), writer = mq_open("/starling", O_WRONLY | O_NONBLOCK);
	receive(reader, 16);
	IS(mq_send(q, "low", 4, 1));
	IS(mq_send(q, "high", 5, 32767));
	IS(mq_send(q, "low too", 8, 1));
	show(q);
	IS(mq_send(q, "", 0, 0));
	show(q);
	IS(mq_send(writer, "full", 5, 0));
	IS(mq_send(q, "x", 1, 32768));
	IS(mq_send(q, "x", 17, 0));
	IS(mq_send(reader, "x", 1, 0));
	IS(mq_send(0, "x", 1, 0));
	IS(mq_send(99, "x", 1, 0));
	receive(writer, 16);
	receive(q, 15);
	struct timespec t = in(5);
	IS(mq_timedsend(q, "x", 1, 0, &t));
	t.tv_nsec = 1000000000;
	IS(mq_timedsend(q, "x", 1, 0, &t));
	t.tv_sec = -1, t.tv_nsec = 0;
	IS(mq_timedsend(q, "x", 1, 0, &t));
	t.tv_sec = 1;
	IS(mq_timedsend(q, "x", 1, 0, &t));
	receive(q, 16);
	receive(q, 100);
	receive(q, 16);
	IS(syscall(SYS_mq_timedsend, q, 8, 4, 0, NULL));
	IS(syscall(SYS_mq_timedreceive, q, 8, 16, NULL, NULL));
	show(q);
	t = in(5);
	char b[16];
	IS(mq_timedreceive(q, b, 16, NULL, &t));
	// Somebody waits for a message, and for room.
	fflush(stdout);
	pid_t k = fork();
	if (k == 0) {
		receive(q, 16);
		exit(0);
	}
	usleep(20000);
	mq_send(q, "hello", 6, 7);
	wait_for(k);
	for (int i = 0; i < 4; i++)
		mq_send(q, "fill", 5, i);
	fflush(stdout);
	k = fork();
	if (k == 0) {
		mq_send(q, "waited", 7, 9);
		exit(0);
	}
	usleep(20000);
	receive(q, 16);
	wait_for(k);
	show(q);
	receive(q, 16);
	// A handler with SA_RESTART lets it go on, another ends it.
	while (mq_receive(reader, b, 16, NULL) >= 0)
		;
	int ready[2];
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		pipe(ready);
		fflush(stdout);
		k = fork();
		if (k == 0) {
			sigaction(SIGUSR1, &(struct sigaction){ .sa_sigaction = told, .sa_flags = SA_SIGINFO | flags }, 0);
			write(ready[1], "r", 1);
			receive(q, 16);
			if (!flags)
				write(ready[1], "r", 1);
			exit(0);
		}
		read(ready[0], b, 1);
		fcntl(ready[0], F_SETFL, O_NONBLOCK);
		int n = 0;
		do {
			kill(k, SIGUSR1);
			usleep(1000);
		} while (flags ? ++n < 20 : read(ready[0], b, 1) < 0);
		if (flags)
			mq_send(q, "after all", 10, 0);
		wait_for(k);
	}
	// Attributes.
	struct mq_attr old;
	a.mq_flags = O_NONBLOCK;
	IS(mq_setattr(q, &a, &old));
	printf("flags were %#lx\n", old.mq_flags);
	show(q);
	a.mq_flags = O_NONBLOCK | 1;
	IS(mq_setattr(q, &a, &old));
	IS(mq_getattr(0, &old));
	IS(syscall(SYS_mq_getsetattr, q, 8, 0));
	IS(syscall(SYS_mq_getsetattr, q, 0, 8));
	struct epoll_event ev = { EPOLLIN | EPOLLET, { 0 } };
	int ep = epoll_create1(0);
	IS(epoll_ctl(ep, EPOLL_CTL_ADD, q, &ev));
	IS(epoll_wait(ep, &ev, 1, 0));
	mq_send(q, "x", 1, 0);
	IS(epoll_wait(ep, &ev, 1, 0));
	IS(epoll_wait(ep, &ev, 1, 0));
	receive(q, 16);
	IS(mq_unlink("/starling"));
	mq_close(reader);
	mq_close(writer);
	mq_close(q);
}

static void telling(void)
{
	struct mq_attr a = { .mq_maxmsg = 4, .mq_msgsize = 16 };
	mqd_t q = mq_open("/starling", O_RDWR | O_CREAT | O_NONBLOCK, 0600, &a);
	sigaction(SIGUSR2, &(struct sigaction){ .sa_sigaction = told, .sa_flags = SA_SIGINFO | SA_RESTART }, 0);
	struct sigevent s = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value = { .sival_int = 4711 } };
	IS(mq_notify(q, &s));
	IS(mq_notify(q, &s));
	show(q);
	CHILD(IS(mq_notify(q, &s)); IS(mq_notify(q, NULL)); show(q); mq_send(q, "x", 1, 0));
	printf("signals %d, code %d, value %d, sent by %s, user %d\n", signals, last.si_code, last.si_value.sival_int, last.si_pid == getpid() ? "me" : "another", last.si_uid);
	show(q);
	IS(mq_notify(q, &s));
	mq_send(q, "y", 1, 0);
	printf("not when it is not empty: %d\n", signals);
	receive(q, 16);
	receive(q, 16);
	mq_send(q, "z", 1, 0);
	printf("but then: %d\n", signals);
	receive(q, 16);
	IS(mq_notify(q, &s));
	mqd_t other = mq_open("/starling", O_RDONLY);
	mq_close(other);
	show(q);
	IS(mq_notify(q, &s));
	IS(mq_notify(q, NULL));
	IS(mq_notify(q, NULL));
	s.sigev_notify = SIGEV_NONE;
	IS(mq_notify(q, &s));
	show(q);
	mq_send(q, "z", 1, 0);
	show(q);
	s.sigev_notify = 77;
	IS(mq_notify(q, &s));
	s.sigev_notify = SIGEV_SIGNAL, s.sigev_signo = 65;
	IS(mq_notify(q, &s));
	s.sigev_signo = SIGUSR2;
	IS(mq_notify(0, &s));
	IS(syscall(SYS_mq_notify, q, 8));
	receive(q, 16);
	CHILD(IS(mq_notify(q, &s)));
	show(q);
	IS(mq_unlink("/starling"));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	names();
	making();
	messages();
	telling();
	return 0;
}
