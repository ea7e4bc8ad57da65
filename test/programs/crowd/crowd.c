/*
 * crowd.c - processes that do to each other at random what processes do: fork, signal, stop, trace, kill, talk,
 * share memory, start threads and programs. Each knows what must come of what it does and says when it does not.
 *
 * Usage: crowd SEED SECONDS [MOST]
 *
 * There are MOST workers at most (200), in three rounds that share the time. After each round nobody is left but
 * the first process. It prints what it did to the standard error and ends with 0 when all was right. The
 * simulation has the same family under a schedule that repeats (TestStress in test/sim).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 3
#define PIDS (1 << 22)         /* PID_MAX_LIMIT of Linux */
#define CHILDREN 256           /* of one worker */
#define PAGE 4096
#define PATIENCE 60            /* s after the end of a round until nobody may be left */
#define WALL 0x40000000        /* __WALL of wait(2) */
#define STOPPED 0x7f           /* low byte of the wait status of a process that is held */
#define CONTINUED 0xffff

enum kind { NOBODY, WORKER, SMALL };

/* What everybody may look at. A child enters itself first of all, and its parent does so too. */
struct person {
	_Atomic int parent, stopper;
	_Atomic char kind, killed;
};

static struct shared {
	_Atomic int workers, failures, over, last; /* last: the highest number of anybody */
	_Atomic long deeds[32];
	struct person people[PIDS];
} *all;

static int most, seconds;
static pid_t patriarch;

/* A worker's own. */
static uint64_t chance;
static struct { pid_t pid; int status; } children[CHILDREN];
static int count;
static pid_t parent;
static volatile sig_atomic_t hits;

static void wrong(const char *format, ...)
{
	char text[256];
	va_list list;
	int n = snprintf(text, sizeof text, "%d: ", getpid());
	va_start(list, format);
	n += vsnprintf(text + n, sizeof text - n - 1, format, list);
	va_end(list);
	text[n++] = '\n';
	write(1, text, n);
	atomic_fetch_add(&all->failures, 1);
}

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = (chance += 0x9e3779b97f4a7c15u);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static int upto(int n) { return draw() % n; }

static void pause_ns(long ns)
{
	struct timespec t = { 0, ns }, left;
	while (nanosleep(&t, &left) < 0 && errno == EINTR)
		t = left;
}

static void rest(void)
{
	if (upto(2))
		pause_ns(upto(3000000));
	else
		for (volatile int i = upto(30000); i > 0; i--)
			;
}

static void enter(pid_t pid, pid_t of, enum kind kind)
{
	all->people[pid].parent = of;
	all->people[pid].kind = kind;
	for (int last = all->last; last < pid && !atomic_compare_exchange_weak(&all->last, &last, pid);)
		;
}

static void leave(pid_t pid)
{
	struct person *p = &all->people[pid];
	if (atomic_exchange(&p->kind, NOBODY) == WORKER)
		atomic_fetch_sub(&all->workers, 1);
	p->stopper = 0;
}

/* A fork whose both sides say who the child is. */
static pid_t bear_one(enum kind kind)
{
	pid_t me = getpid(), pid = fork();
	if (pid == 0) {
		enter(getpid(), me, kind);
		parent = me;
		count = 0;
	} else if (pid > 0) {
		enter(pid, me, kind);
	}
	return pid;
}

static pid_t wait_for(pid_t pid, int *status, int options)
{
	pid_t got;
	do
		got = waitpid(pid, status, options | WALL);
	while (got < 0 && errno == EINTR);
	return got;
}

/* The fate of a child: the one that was expected, or a murder. */
static void ended(pid_t pid, int status)
{
	for (int i = 0; i < count; i++) {
		if (children[i].pid != pid)
			continue;
		int expected = children[i].status;
		children[i] = children[--count];
		if (status != expected && !(status == SIGKILL && all->people[pid].killed))
			wrong("child %d ended with %#x, want %#x", pid, status, expected);
		leave(pid);
		return;
	}
	if (getpid() != patriarch || pid < 0)
		wrong("wait: %d (%s) is no child", pid, pid < 0 ? strerror(errno) : "");
	else
		leave(pid);
}

static void small_ended(pid_t pid, const char *what, int status, int expected)
{
	if (status != expected)
		wrong("%s %d ended with %#x, want %#x", what, pid, status, expected);
	leave(pid);
}

static pid_t child(void) { return count ? children[upto(count)].pid : 0; }

static void work(void);

static void deed_bear(void)
{
	if (count == CHILDREN || atomic_fetch_add(&all->workers, 1) >= most) {
		if (count < CHILDREN)
			atomic_fetch_sub(&all->workers, 1);
		return;
	}
	uint64_t seed = draw();
	int code = upto(256);
	pid_t pid = bear_one(WORKER);
	if (pid == 0) {
		chance = seed;
		work();
		_exit(code);
	}
	if (pid < 0) {
		atomic_fetch_sub(&all->workers, 1);
		if (errno != EAGAIN && errno != ENOMEM)
			wrong("fork: %s", strerror(errno));
		return;
	}
	children[count].pid = pid;
	children[count++].status = code << 8;
}

/* One may come to be the patriarch's whom its parent traced, or that stopped itself to be traced: it is nobody's. */
static int adopted(pid_t pid, int status)
{
	if ((status & 0xff) != STOPPED)
		return 0;
	if (all->people[pid].kind == SMALL)
		kill(pid, SIGKILL);
	return 1;
}

static void deed_reap(void)
{
	int status;
	pid_t pid = count ? wait_for(-1, &status, WNOHANG) : 0;
	if (pid != 0 && !adopted(pid, status))
		ended(pid, status);
}

static void deed_signal(void)
{
	pid_t pid = child();
	if (pid && kill(pid, SIGUSR1) < 0)
		wrong("kill: %s", strerror(errno));
}

/* Whether waiting for a child says what is expected, 0 for nothing. */
static int told(const char *what, pid_t pid, int options, int expected)
{
	int status = 0;
	pid_t got = wait_for(pid, &status, options);
	if (expected ? got == pid && status == expected : got == 0)
		return 1;
	if (got == pid && (status & 0xff) != STOPPED && status != CONTINUED)
		ended(pid, status);
	else
		wrong("%s: wait for %d: %d, status %#x, want %#x", what, pid, got, status, expected);
	return 0;
}

static void deed_stop(void)
{
	pid_t pid = child();
	if (!pid)
		return;
	all->people[pid].stopper = getpid(); /* before it is: who stops it may be killed any time */
	if (kill(pid, SIGSTOP) < 0)
		wrong("stop: %s", strerror(errno));
	if (!told("a stop", pid, WUNTRACED, SIGSTOP << 8 | STOPPED) || !told("a stop that was told", pid, WUNTRACED | WNOHANG, 0))
		return;
	rest();
	if (kill(pid, SIGCONT) < 0)
		wrong("continue: %s", strerror(errno));
	all->people[pid].stopper = 0;
	if (told("going on", pid, WCONTINUED, CONTINUED))
		told("going on that was told", pid, WCONTINUED | WUNTRACED | WNOHANG, 0);
}

static void deed_kill(void)
{
	int status = 0;
	pid_t pid = bear_one(SMALL);
	if (pid == 0)
		for (;;)
			pause();
	if (pid < 0)
		return;
	rest();
	if (kill(pid, SIGKILL) < 0)
		wrong("SIGKILL: %s", strerror(errno));
	if (wait_for(pid, &status, 0) != pid)
		wrong("the killed is lost: %s", strerror(errno));
	small_ended(pid, "the killed", status, SIGKILL);
}

static void deed_murder(void)
{
	if (upto(3))
		return;
	/* Somebody not far away: the table is large. */
	pid_t me = getpid(), pid = me + upto(2 * most) - most;
	if (pid <= 1 || pid >= PIDS || pid == patriarch || pid == me || all->people[pid].kind != WORKER)
		return;
	all->people[pid].killed = 1;
	if (kill(pid, SIGKILL) < 0 && errno != ESRCH)
		wrong("murder: %s", strerror(errno));
}

static void deed_talk(void)
{
	int p[2], status = 0;
	unsigned sum = 0;
	static unsigned char b[3000];
	if (pipe(p) < 0) {
		wrong("pipe: %s", strerror(errno));
		return;
	}
	pid_t pid = bear_one(SMALL);
	if (pid == 0) {
		ssize_t n;
		close(p[1]);
		while ((n = read(p[0], b, 700)) > 0)
			for (int i = 0; i < n; i++)
				sum += b[i];
		_exit(sum & 0xff);
	}
	for (int times = pid > 0 ? 1 + upto(5) : 0; times > 0; times--) {
		int n = 1 + upto(sizeof b);
		for (int i = 0; i < n; i++)
			sum += b[i] = draw();
		if (write(p[1], b, n) != n)
			wrong("write: %s", strerror(errno));
	}
	close(p[0]);
	close(p[1]);
	if (pid < 0)
		return;
	if (wait_for(pid, &status, 0) != pid)
		wrong("who was talked to is lost: %s", strerror(errno));
	small_ended(pid, "who was talked to", status, (sum & 0xff) << 8);
}

static void deed_memory(void)
{
	int n = 1 + upto(20), status = 0;
	uint64_t mark = draw(), *at = mmap(0, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int step = PAGE / sizeof *at;
	if (at == MAP_FAILED)
		return;
	for (int i = 0; i < n; i++)
		at[i * step] = mark + i;
	pid_t pid = bear_one(SMALL);
	if (pid == 0) {
		for (int i = 0; i < n; i++) {
			if (at[i * step] != mark + i || at[i * step + 1])
				wrong("inherited memory, page %d", i);
			at[i * step] = 0;
		}
		_exit(0);
	}
	for (int i = 0; i < n; i++)
		at[i * step + 1] = mark;
	if (pid > 0) {
		if (wait_for(pid, &status, 0) != pid)
			wrong("who shared memory is lost: %s", strerror(errno));
		small_ended(pid, "who shared memory", status, 0);
	}
	for (int i = 0; i < n; i++)
		if (at[i * step] != mark + i || at[i * step + 1] != mark)
			wrong("memory after the child, page %d", i);
	munmap(at, n * PAGE);
}

static void deed_file(void)
{
	char name[64], mark[5] = "";
	off_t size = upto(20000);
	snprintf(name, sizeof name, "crowd.%d", getpid());
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || unlink(name) < 0) {
		wrong("%s: %s", name, strerror(errno));
		return;
	}
	if (ftruncate(fd, size) < 0 || pwrite(fd, "mark", 4, size) != 4 || pread(fd, mark, 5, size) != 4 || strcmp(mark, "mark"))
		wrong("contents of %s: \"%s\", %s", name, mark, strerror(errno));
	close(fd);
}

static void *run_thread(void *at)
{
	*(uint64_t *)at *= 2;
	return at;
}

static void deed_thread(void)
{
	uint64_t mark = draw() >> 1, seen = mark;
	pthread_t t;
	void *end = 0;
	int e = pthread_create(&t, 0, run_thread, &seen);
	if (e) {
		if (e != EAGAIN)
			wrong("pthread_create: %s", strerror(e));
		return;
	}
	pthread_join(t, &end);
	if (end != &seen || seen != 2 * mark)
		wrong("the thread did not run");
}

/* A signal to oneself is handled before the call returns. One that a tracer holds is lost with the tracer. */
static void deed_self(void)
{
	int before = hits;
	kill(getpid(), SIGUSR1);
	if (hits == before && !all->people[parent].killed)
		wrong("a signal to oneself was not handled");
}

static void deed_exec(void)
{
	char code[16];
	int n = upto(256), status = 0;
	snprintf(code, sizeof code, "%d", n);
	pid_t pid = bear_one(SMALL);
	if (pid == 0) {
		execl("/proc/self/exe", "crowd", "code", code, (char *)0);
		_exit(errno == ENOMEM ? n : 255);
	}
	if (pid < 0)
		return;
	if (wait_for(pid, &status, 0) != pid)
		wrong("another program is lost: %s", strerror(errno));
	small_ended(pid, "another program", status, n << 8);
}

static void ignore(int sig) { (void)sig; }

/* A small child is followed from call to call, step by step, or signal by signal, to its end. */
static void deed_trace(void)
{
	static const int how[] = { PTRACE_SYSCALL, PTRACE_SINGLESTEP, PTRACE_CONT };
	int request = how[upto(3)], code = upto(200), calls = 0, status = 0;
	pid_t pid = bear_one(SMALL);
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		kill(getpid(), SIGSTOP);
		for (int i = 0; i < 3; i++)
			getppid();
		signal(SIGUSR2, ignore);
		kill(getpid(), SIGUSR2);
		_exit(code);
	}
	if (pid < 0)
		return;
	for (;;) {
		long sig = 0;
		if (wait_for(pid, &status, 0) != pid) {
			wrong("a tracee is lost: %s", strerror(errno));
			return;
		}
		if ((status & 0xff) != STOPPED)
			break;
		switch (status >> 8) {
		case SIGTRAP | 0x80:
			calls++;
		case SIGTRAP:
			break;
		case SIGUSR2:
			sig = SIGUSR2;
			break;
		case SIGSTOP:
			if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
				wrong("PTRACE_SETOPTIONS: %s", strerror(errno));
			break;
		default:
			wrong("a tracee is held for %#x", status);
		}
		if (ptrace(request, pid, 0, sig) < 0)
			wrong("going on with %d: %s", request, strerror(errno));
	}
	small_ended(pid, "a tracee", status, code << 8);
	if (request == PTRACE_SYSCALL && calls % 2 == 0) /* the last is the entry of exit */
		wrong("an entry without a return: %d stops", calls);
}

/* It goes on with the signal that it is held for. It may have been killed since. */
static void go_on(pid_t pid, int status)
{
	long sig = status >> 16 ? 0 : status >> 8 & 0x7f;
	if (ptrace(PTRACE_CONT, pid, 0, sig) < 0 && errno != ESRCH)
		wrong("PTRACE_CONT: %s", strerror(errno));
}

/* The wait status of a seized child, 0 when it has ended. */
static int held(pid_t pid)
{
	int status = 0;
	pid_t got = wait_for(pid, &status, 0);
	if (got == pid && (status & 0xff) == STOPPED)
		return status;
	ended(got, status);
	return 0;
}

static void interrupt(pid_t pid)
{
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 && errno != ESRCH)
		wrong("PTRACE_INTERRUPT: %s", strerror(errno));
}

/* A worker is traced for a while. What it is sent meanwhile it gets; it may be killed at any time. */
static void deed_seize(void)
{
	pid_t pid = child();
	int status;
	if (!pid)
		return;
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0) {
		if (errno != EPERM && errno != ESRCH) /* it is at its end */
			wrong("PTRACE_SEIZE: %s", strerror(errno));
		return;
	}
	for (int times = 1 + upto(4); times > 0; times--) {
		rest();
		interrupt(pid);
		do {
			if (!(status = held(pid)))
				return;
			go_on(pid, status);
		} while (status >> 16 != PTRACE_EVENT_STOP);
	}
	interrupt(pid);
	while ((status = held(pid))) {
		if (status >> 16 != PTRACE_EVENT_STOP) {
			go_on(pid, status);
			continue;
		}
		if (ptrace(PTRACE_DETACH, pid, 0, 0) < 0 && errno != ESRCH)
			wrong("PTRACE_DETACH: %s", strerror(errno));
		return;
	}
}

static void (*const deeds[])(void) = {
	deed_bear, deed_bear, deed_bear, deed_reap, deed_signal, deed_stop, deed_stop, deed_kill, deed_murder, deed_talk,
	deed_memory, deed_file, deed_thread, rest, deed_self, deed_trace, deed_seize, deed_exec,
};

#define DEEDS (sizeof deeds / sizeof *deeds)

static void hit(int sig)
{
	(void)sig;
	hits++;
}

static void work(void)
{
	while (!all->over) {
		int i = upto(DEEDS);
		deeds[i]();
		atomic_fetch_add(&all->deeds[i], 1);
	}
	while (count > 0) {
		int status;
		pid_t pid = wait_for(-1, &status, 0);
		if (!adopted(pid, status))
			ended(pid, status);
	}
}

/* Whose parent is gone is helped: the stopped go on, the small end. */
static void help(void)
{
	for (pid_t pid = 1; pid <= all->last; pid++) {
		struct person *p = &all->people[pid];
		int stopper = p->stopper;
		if (p->kind == NOBODY || pid == patriarch)
			continue;
		if (kill(pid, 0) < 0 && errno == ESRCH)
			leave(pid); /* who waited for it was killed in that moment */
		else if (p->kind == SMALL && all->people[p->parent].kind == NOBODY)
			kill(pid, SIGKILL);
		else if (stopper && all->people[stopper].kind == NOBODY)
			kill(pid, SIGCONT);
	}
}

static int processes(void)
{
	int n = 0;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
	if (d)
		closedir(d);
	return n;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Those that are left when nobody should be. */
static void accuse(void)
{
	for (pid_t pid = 1; pid <= all->last; pid++) {
		char name[64], text[256] = "";
		if (all->people[pid].kind == NOBODY || pid == patriarch)
			continue;
		snprintf(name, sizeof name, "/proc/%d/stat", pid);
		int fd = open(name, O_RDONLY);
		if (fd >= 0)
			read(fd, text, 80);
		close(fd);
		wrong("%d is left, kind %d, stopped by %d: %s", pid, all->people[pid].kind, all->people[pid].stopper, text);
		kill(pid, SIGKILL);
	}
}

/* The first worker of a round adopts those whose parents were killed, until nobody is left. */
static void lead(uint64_t seed)
{
	double end;
	int status;
	pid_t pid;
	struct sigaction a = { .sa_handler = hit, .sa_flags = SA_RESTART };
	sigaction(SIGUSR1, &a, 0);
	chance = seed;
	patriarch = getpid();
	enter(patriarch, 1, WORKER);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (fork() == 0) { /* who says when it is over */
		sleep(seconds / ROUNDS ? seconds / ROUNDS : 1);
		all->over = 1;
		_exit(0);
	}
	while (!all->over) {
		deeds[upto(DEEDS)]();
		help();
	}
	for (end = now() + PATIENCE; (pid = wait_for(-1, &status, WNOHANG | WUNTRACED)) >= 0 || errno != ECHILD;) {
		if (pid > 0) {
			if (!adopted(pid, status))
				leave(pid);
			continue;
		}
		help();
		pause_ns(1000000);
		if (now() > end) {
			accuse();
			end = now() + PATIENCE;
		}
	}
	for (pid = 1; pid <= all->last; pid++)
		if (all->people[pid].kind != NOBODY && pid != patriarch)
			wrong("%d is gone, and nobody was told", pid);
	leave(patriarch);
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "code"))
		return atoi(argv[2]);
	if (argc < 3) {
		fprintf(stderr, "usage: crowd SEED SECONDS [MOST]\n");
		return 2;
	}
	seconds = atoi(argv[2]);
	most = argc > 3 ? atoi(argv[3]) : 200;
	all = mmap(0, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	int before = processes();
	for (int round = 0; round < ROUNDS; round++) {
		int status;
		all->over = 0;
		all->workers = 0; /* who is killed before its child exists was counted already */
		pid_t pid = fork();
		if (pid == 0)
			lead(strtoull(argv[1], 0, 10) << 8 | round);
		wait_for(pid, &status, 0);
		if (status)
			wrong("the round ended with %#x", status);
		if (processes() != before)
			wrong("%d processes, before %d", processes(), before);
	}
	long sum = 0;
	for (int i = 0; i < DEEDS; i++)
		sum += all->deeds[i];
	fprintf(stderr, "%ld deeds\n", sum);
	return all->failures != 0;
}
