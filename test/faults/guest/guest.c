/*
 * guest.c - what runs on a machine whose wires faults strike (starling faults --tier qemu).
 *
 *   guest MILLISECONDS SCENARIO [ARGUMENT...]
 *
 * starts a bystander that checks all its own results, then the scenario: one of those below, or a program (its path).
 * A scenario that does not end in time is killed. At the end one line on standard error says what was seen:
 *
 *   @seen ended=1 gone=1 status=0x0 bystander=0x2a00 free=12345 processes=2 took=1000000
 *
 * free is in pages, took in ns. It is written twice, each time in one piece and with a pause between: a fault may strike
 * one, and a console that dies loses what it has not sent yet. The labs spare the first two threads that trap: this one
 * and the bystander. So neither makes threads, and this one makes one child after the bystander, the scenario.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, UNNOTICED = 42, SPARED = 7 /* a user */ };

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int pause_ns(int64_t ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };
	return nanosleep(&t, NULL);
}

/* bystander does a little of everything until there is something to read from stop. */
static void bystander(int stop, int ready)
{
	int p[2];
	if (pipe2(p, O_NONBLOCK))
		_exit(1);
	volatile uint64_t *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED || write(ready, "!", 1) != 1)
		_exit(1);
	pid_t pid = getpid();
	int64_t wait = 5000000;
	for (uint64_t round = 1;; round++) {
		volatile uint64_t *at = m + round % 4 * PAGE / 8;
		uint64_t back = 0;
		char c;
		if (round > 4 && *at != (round - 4) * 0x01010101)
			_exit(2);
		*at = round * 0x01010101;
		if (write(p[1], (void *)at, 8) != 8 || read(p[0], &back, 8) != 8 || back != *at)
			_exit(3);
		if (getpid() != pid)
			_exit(4);
		int64_t before = now();
		if (pause_ns(wait) || now() < before + wait)
			_exit(5);
		if (wait < 1000000000)
			wait *= 2;
		if (read(stop, &c, 1) == 1)
			_exit(UNNOTICED);
	}
}

/* ended waits for a child, ns at most. */
static int ended(pid_t pid, int64_t ns, int *status)
{
	int64_t wait = 10000000;
	for (int64_t end = now() + ns; now() < end;) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return 1;
		pause_ns(wait);
		if (wait < 500000000)
			wait *= 2;
	}
	return 0;
}

static void expect(const char *what, long got, long want)
{
	if (got != want) {
		printf("%s: %ld, want %ld (errno %d)\n", what, got, want, errno);
		fflush(stdout);
	}
}

static void *map(size_t pages)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* memory moves, drops, protects and unmaps pages, and punches holes into files. */
static void memory(void)
{
	volatile uint64_t *at = map(4), *to = map(16);
	for (int i = 0; i < 4; i++)
		at[i * PAGE / 8] = i + 1;
	volatile uint64_t *moved = mremap((void *)at, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)to + 8 * PAGE);
	expect("mremap", moved == to + 8 * PAGE / 8, 1);
	expect("moved", moved[PAGE / 8], 2);
	expect("madvise", madvise((void *)moved, PAGE, MADV_DONTNEED), 0);
	expect("dropped", *moved, 0);
	expect("mprotect", mprotect((char *)at + 2 * PAGE, PAGE, PROT_READ), 0);
	expect("kept", at[2 * PAGE / 8], 3);
	expect("munmap", munmap((char *)at + 2 * PAGE, 2 * PAGE), 0);
	expect("populate", mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != MAP_FAILED, 1);
	int fd = memfd_create("file", 0);
	for (int i = 0; i < 4; i++)
		expect("pwrite", pwrite(fd, (void *)(moved + PAGE / 8), 8, i * PAGE), 8);
	expect("fallocate", fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, PAGE, 2 * PAGE), 0);
	uint64_t b = 0;
	for (int i = 0; i < 4; i++) {
		expect("pread", pread(fd, &b, 8, i * PAGE), 8);
		expect("contents", b, i % 3 ? 0 : 2);
	}
	expect("ftruncate", ftruncate(fd, PAGE / 2), 0);
	volatile uint64_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect("mapped", *shared, 2);
	*shared = 77;
	expect("pread", pread(fd, &b, 8, 0), 8);
	expect("shared", b, 77);
	expect("close", close(fd), 0);
}

static volatile int caught[65];
static char *hole;

static void catch(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	caught[sig]++;
	if (sig == SIGSEGV)
		mprotect((void *)((uintptr_t)info->si_addr & -PAGE), PAGE, PROT_READ | PROT_WRITE);
	if (sig == SIGILL)
		u->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
}

/* traps faults, breaks, executes what is none, and is interrupted in the middle of computing. */
static void traps(void)
{
	int signals[] = { SIGSEGV, SIGTRAP, SIGILL, SIGALRM, SIGUSR1 };
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct sigaction a = { .sa_sigaction = catch, .sa_flags = SA_SIGINFO };
		sigaction(signals[i], &a, NULL);
	}
	hole = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 4; i++)
		((volatile char *)hole)[i * PAGE] = i;
	for (int i = 0; i < 3; i++)
		__asm__ volatile("int3");
	for (int i = 0; i < 2; i++)
		__asm__ volatile("ud2");
	struct itimerval t = { .it_value = { 0, 3000 } };
	setitimer(ITIMER_REAL, &t, NULL);
	while (!caught[SIGALRM])
		;
	pid_t child = fork();
	if (!child) {
		while (!caught[SIGUSR1])
			;
		_exit(7);
	}
	pause_ns(2000000);
	kill(child, SIGUSR1);
	int status = 0;
	expect("child", waitpid(child, &status, 0), child);
	expect("its status", status, 7 << 8);
	expect("faults", caught[SIGSEGV], 4);
	expect("breaks", caught[SIGTRAP], 3);
	expect("illegal", caught[SIGILL], 2);
}

/* effects does what would be seen if it were done twice, or not at all. */
static void effects(void)
{
	int fd = memfd_create("file", 0), counter = eventfd(0, EFD_NONBLOCK), p[2];
	expect("pipe", pipe2(p, O_NONBLOCK), 0);
	struct sigaction a = { .sa_sigaction = catch, .sa_flags = SA_SIGINFO };
	sigaction(SIGUSR2, &a, NULL);
	enum { rounds = 3 };
	uint64_t v;
	for (v = 1; v <= rounds; v++) {
		expect("write", write(fd, &v, 8), 8);
		expect("to the pipe", write(p[1], &v, 3), 3);
		expect("eventfd", write(counter, &v, 8), 8);
		expect("kill", kill(getpid(), SIGUSR2), 0);
		pid_t child = fork();
		if (!child) {
			if (write(fd, &v, 8) != 8)
				_exit(99);
			_exit(v);
		}
		int status = 0;
		expect("child", waitpid(child, &status, 0), child);
		expect("its status", status, v << 8);
	}
	char b[32];
	expect("size", lseek(fd, 0, SEEK_CUR), 2 * rounds * 8);
	expect("of the pipe", read(p[0], b, sizeof b), 3 * rounds);
	expect("count", read(counter, &v, 8), 8);
	expect("counted", v, rounds * (rounds + 1) / 2);
	expect("signals", caught[SIGUSR2], rounds);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static int whose, sum;

static void *member(void *arg)
{
	int me = (int)(intptr_t)arg;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 20; i++) {
		while (whose != me)
			pthread_cond_wait(&turn, &lock);
		sum += me;
		whose = (me + 1) % 3;
		pthread_cond_broadcast(&turn);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* threads take turns. */
static void threads(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		expect("pthread_create", pthread_create(&t[i], NULL, member, (void *)(intptr_t)i), 0);
	for (int i = 0; i < 3; i++)
		expect("pthread_join", pthread_join(t[i], NULL), 0);
	expect("sum", sum, 20 * 3);
}

/* terminal waits until what it wrote has left. */
static void terminal(void)
{
	for (int i = 0; i < 5; i++) {
		printf("line %d\n", i);
		fflush(stdout);
		expect("tcdrain", tcdrain(1), 0);
	}
}

/* traced is a program and its tracer: stops at system calls, single steps, its memory and registers. */
static void traced(void)
{
	pid_t child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		for (int i = 0; i < 3; i++)
			getppid();
		_exit(5);
	}
	int status = 0, stops = 0;
	expect("stopped", waitpid(child, &status, 0), child);
	for (int i = 0; i < 6; i++) {
		ptrace(PTRACE_SYSCALL, child, 0, 0);
		waitpid(child, &status, 0);
		stops += WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
	}
	for (int i = 0; i < 5; i++) {
		ptrace(PTRACE_SINGLESTEP, child, 0, 0);
		waitpid(child, &status, 0);
		stops += WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
	}
	expect("stops", stops, 11);
	ptrace(PTRACE_CONT, child, 0, 0);
	expect("its end", waitpid(child, &status, 0), child);
	expect("its status", status, 5 << 8);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "memory", memory }, { "traps", traps }, { "effects", effects },
	{ "threads", threads }, { "terminal", terminal }, { "traced", traced },
};

/* Of linux/capability.h, which comes with the kernel and not with the C library. */
enum { CAP_KILL = 5, CAP_SYS_PTRACE = 19, CAPABILITY_VERSION_3 = 0x20080522 };

/*
 * powerless leaves root no power over other users' processes, which the first program and the bystander are known as:
 * whatever a program makes of kill(2) or ptrace(2) when it was struck, these two are not harmed by it (credentials(7)).
 */
static int powerless(void)
{
	uint32_t header[] = { CAPABILITY_VERSION_3, 0 }, sets[6]; /* effective, permitted, inheritable, twice */
	const uint32_t without = 1U << CAP_KILL | 1U << CAP_SYS_PTRACE;
	if (setresuid(0, 0, 0) || prctl(PR_CAPBSET_DROP, CAP_KILL) || prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE))
		return -1;
	if (syscall(SYS_capget, header, sets))
		return -1;
	for (int i = 0; i < 3; i++)
		sets[i] &= ~without;
	return syscall(SYS_capset, header, sets);
}

static void scenario(char **argv)
{
	if (powerless())
		_exit(126);
	int null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	close(null);
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (!strcmp(argv[0], scenarios[i].name)) {
			scenarios[i].run();
			puts("done");
			exit(0);
		}
	execv(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	if (argc < 3 || getpid() != 2) /* the first program: it ends every process of the machine, so only on one of its own */
		return 2;
	int stop[2], ready[2], status = 0, other = 0;
	char c;
	if (pipe2(stop, O_NONBLOCK | O_CLOEXEC) || pipe2(ready, O_CLOEXEC))
		return 2;
	if (setresuid(SPARED, 0, SPARED))
		return 2;
	pid_t by = fork();
	if (!by)
		bystander(stop[0], ready[1]);
	if (read(ready[0], &c, 1) != 1)
		return 2;
	close(ready[0]);
	close(ready[1]);
	int64_t began = now();
	pid_t child = fork();
	if (!child)
		scenario(argv + 2);
	int done = ended(child, atoll(argv[1]) * 1000000, &status), gone = done;
	int64_t took = now() - began;
	if (!done) {
		kill(child, SIGKILL);
		gone = ended(child, 10000000000, &status);
	}
	if (write(stop[1], "!", 1) != 1 || !ended(by, 200000000000, &other))
		other = -1;
	kill(-1, SIGKILL); /* everybody else on this machine, see above */
	pause_ns(1500000000);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	struct sysinfo s;
	sysinfo(&s);
	char line[256];
	int said = 0; /* a write to a console that dies may fail */
	int n = snprintf(line, sizeof line, "@seen ended=%d gone=%d status=%#x bystander=%#x free=%lu processes=%d took=%lld\n", done, gone, status,
	                 other, s.freeram * s.mem_unit / PAGE, s.procs, (long long)took);
	for (int i = 0; i < 2; i++, pause_ns(100000000))
		said = write(2, line, n) == n || said;
	return !said;
}
