// Restartable sequences (rseq(2)) as C libraries and allocators use them. It prints the same wherever
// there are any, however often it is preempted.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define SIGN 0x53053053
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
enum { leave = 1, size = 32, page = 4096 };

struct area {
	uint32_t cpu_id_start, cpu_id;
	uint64_t sequence;
	uint32_t flags, node_id, mm_cid, rest;
} __attribute__((aligned(32)));

struct sequence {
	uint32_t version, flags;
	uint64_t start, length, abort;
} __attribute__((aligned(32)));

static long rseq(void *at, unsigned length, int flags, unsigned sign)
{
	return syscall(SYS_rseq, at, length, flags, sign);
}

static void call(const char *what, long result)
{
	printf("%s: %d\n", what, result < 0 ? errno : 0);
}

// bump adds 1 to the word at p, slowly: between reading and writing it counts down from spin. It returns 0
// when it was cut off. The sequence is from bump_start up to bump_end, which is behind the store.
int bump(struct area *a, volatile long *p, long spin, const struct sequence *s);
extern char bump_start[], bump_end[], bump_abort[];
__asm__(".text\n"
	".globl bump, bump_start, bump_end, bump_abort\n"
	"bump:\n"
	"	movq %rcx, 8(%rdi)\n"
	"bump_start:\n"
	"	movq (%rsi), %rax\n"
	"1:	decq %rdx\n"
	"	jg 1b\n"
	"	incq %rax\n"
	"	movq %rax, (%rsi)\n"
	"bump_end:\n"
	"	movl $1, %eax\n"
	"	ret\n"
	"	.byte 0x0f, 0xb9, 0x3d\n"
	"	.long 0x53053053\n"
	"bump_abort:\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	"	.long 0\n");

static struct sequence good(void)
{
	return (struct sequence){0, 0, (uint64_t)bump_start, bump_end - bump_start, (uint64_t)bump_abort};
}

static void registration(void)
{
	static struct area two[4];
	struct area *a = &two[0];
	printf("feature size %lu, alignment %lu\n", getauxval(27), getauxval(28));
	call("unregister nothing", rseq(a, size, leave, SIGN));
	call("flag", rseq(a, size, 4, SIGN));
	call("short", rseq(a, size - 1, 0, SIGN));
	call("long and not aligned", rseq((char *)a + 16, 2 * size, 0, SIGN));
	call("not aligned", rseq((char *)a + 8, size, 0, SIGN));
	call("NULL", rseq(0, size, 0, SIGN));
	call("nowhere", rseq((void *)0x7ffffffff000, size, 0, SIGN));
	a->cpu_id = a->node_id = 77;
	a->sequence = 1;
	call("register", rseq(a, size, 0, SIGN));
	printf("processor %s, node %d, sequence %d\n", a->cpu_id == a->cpu_id_start ? "known" : "unknown", a->node_id, (int)a->sequence);
	call("twice", rseq(a, size, 0, SIGN));
	call("another signature", rseq(a, size, 0, SIGN + 1));
	call("another area", rseq(&two[2], size, 0, SIGN));
	call("unregister another area", rseq(&two[2], size, leave, SIGN));
	call("unregister another size", rseq(a, 2 * size, leave, SIGN));
	call("unregister another signature", rseq(a, size, leave, SIGN + 1));
	call("unregister", rseq(a, size, leave, SIGN));
	printf("processor %d, %d\n", (int)a->cpu_id, (int)a->cpu_id_start);
	call("unregister twice", rseq(a, size, leave, SIGN));
}

static long counter, commits, aborts;

static void *count(void *arg)
{
	struct area a = {0};
	struct sequence s = good();
	if (rseq(&a, size, 0, SIGN) != 0)
		printf("register: %d\n", errno);
	for (int i = 0; i < 200 || __atomic_load_n(&aborts, __ATOMIC_RELAXED) < 20;) {
		if (bump(&a, &counter, 20000, &s)) {
			__atomic_add_fetch(&commits, 1, __ATOMIC_RELAXED);
			i++;
		} else {
			__atomic_add_fetch(&aborts, 1, __ATOMIC_RELAXED);
			if (a.sequence != 0)
				printf("an abort leaves the sequence\n");
		}
	}
	rseq(&a, size, leave, SIGN);
	return 0;
}

static void counting(void)
{
	pthread_t t[2];
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], 0, count, 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], 0);
	printf("counted: %s\n", counter == commits && aborts >= 20 ? "nothing is lost" : "wrong");
}

static struct area mine;
static volatile int at_abort, elsewhere;

static void handler(int n, siginfo_t *info, void *context)
{
	uint64_t ip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	if (ip >= (uint64_t)bump_start && ip < (uint64_t)bump_end)
		elsewhere++;
	if (ip == (uint64_t)bump_abort && mine.sequence == 0)
		at_abort++;
}

static void signals(void)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	struct sequence s = good();
	long cut = 0, word = 0;
	sigaction(SIGALRM, &act, 0);
	rseq(&mine, size, 0, SIGN);
	setitimer(ITIMER_REAL, &often, 0);
	while (at_abort < 5)
		cut += !bump(&mine, &word, 200000, &s);
	setitimer(ITIMER_REAL, &never, 0);
	printf("handlers: %s, %s\n", elsewhere == 0 ? "only outside of the sequence" : "inside of it", cut > 0 ? "which was cut off" : "which went on");
	// Fresh memory in a sequence is no reason to cut it off for ever.
	char *fresh = mmap(0, 64 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 64; i++)
		while (!bump(&mine, (long *)(fresh + i * page), 1, &s))
			;
	printf("faults: done\n");
	rseq(&mine, size, leave, SIGN);
}

static void crash(const char *what, void (*damage)(struct area *a, struct sequence *s), int inside)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct area *a = mmap(0, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct sequence s = good();
		struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
		struct itimerval often = {{0, 1000}, {0, 1000}};
		sigaction(SIGALRM, &act, 0);
		rseq(a, size, 0, SIGN);
		a->sequence = (uint64_t)&s;
		damage(a, &s);
		if (!inside)
			raise(SIGALRM);
		setitimer(ITIMER_REAL, &often, 0);
		long word = 0;
		while (inside)
			bump(a, &word, 200000, &s);
		_exit(0);
	}
	int status;
	waitpid(pid, &status, 0);
	printf("%s: %s\n", what, WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? "SIGSEGV" : "nothing");
}

static void nothing(struct area *a, struct sequence *s) {}
static void unmapped(struct area *a, struct sequence *s) { a->sequence = 64; }
static void above(struct area *a, struct sequence *s) { a->sequence = 1ull << 63; }
static void version(struct area *a, struct sequence *s) { s->version = 1; }
static void wraps(struct area *a, struct sequence *s) { s->length = ~0ull; }
static void target(struct area *a, struct sequence *s) { s->abort = s->start; }
static void sign(struct area *a, struct sequence *s) { s->abort++; }
static void flags(struct area *a, struct sequence *s) { s->flags = 1; }
static void areaFlags(struct area *a, struct sequence *s) { a->flags = 2; }
static void gone(struct area *a, struct sequence *s) { munmap(a, page); }

static void *in_thread(void *a)
{
	call("unregister in a thread", rseq(a, size, leave, SIGN));
	return 0;
}

static void inheritance(char *self)
{
	pthread_t t;
	int status;
	call("register", rseq(&mine, size, 0, SIGN));
	if (fork() == 0) {
		call("unregister in a child", rseq(&mine, size, leave, SIGN));
		_exit(0);
	}
	wait(0);
	pthread_create(&t, 0, in_thread, &mine);
	pthread_join(t, 0);
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execl(self, self, "after", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0); // after execve
	struct { uint64_t rseq_abi_pointer; uint32_t rseq_abi_size, signature, flags, rest; } c;
	long n = ptrace(PTRACE_GET_RSEQ_CONFIGURATION, pid, sizeof c, &c);
	printf("traced: %ld bytes, area %d, size %d, signature %#x\n", n, c.rseq_abi_pointer != 0, (int)c.rseq_abi_size, c.signature);
	ptrace(PTRACE_CONT, pid, 0, 0);
	waitpid(pid, &status, 0); // SIGSTOP
	n = ptrace(PTRACE_GET_RSEQ_CONFIGURATION, pid, sizeof c, &c);
	printf("traced: %ld bytes, area %d, size %d, signature %#x\n", n, c.rseq_abi_pointer != 0, (int)c.rseq_abi_size, c.signature);
	ptrace(PTRACE_CONT, pid, 0, 0);
	waitpid(pid, &status, 0);
	call("unregister", rseq(&mine, size, leave, SIGN));
}

static void barriers(void)
{
	enum { rseqBarrier = 1 << 7, registerRseq = 1 << 8, onProcessor = 1 };
	call("barrier of nobody", syscall(SYS_membarrier, rseqBarrier, 0, 0));
	call("register for barriers", syscall(SYS_membarrier, registerRseq, 0, 0));
	call("barrier", syscall(SYS_membarrier, rseqBarrier, 0, 0));
	call("barrier on a processor", syscall(SYS_membarrier, rseqBarrier, onProcessor, 0));
	call("barrier on no processor", syscall(SYS_membarrier, rseqBarrier, onProcessor, 1 << 20));
	call("barrier with a flag", syscall(SYS_membarrier, rseqBarrier, 2, 0));
	call("flag without need", syscall(SYS_membarrier, registerRseq, onProcessor, 0));
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		call("register after execve", rseq(&mine, size, 0, SIGN));
		raise(SIGSTOP);
		return 0;
	}
	setvbuf(stdout, 0, _IONBF, 0);
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof one, &one);
	registration();
	counting();
	signals();
	crash("good", nothing, 0);
	crash("unmapped", unmapped, 0);
	crash("above", above, 0);
	crash("version", version, 0);
	crash("end wraps", wraps, 0);
	crash("abort handler inside", target, 0);
	crash("signature", sign, 0);
	crash("flags outside", flags, 0);
	crash("flags inside", flags, 1);
	crash("flags of the area", areaFlags, 1);
	crash("area gone", gone, 0);
	inheritance(argv[0]);
	barriers();
}
