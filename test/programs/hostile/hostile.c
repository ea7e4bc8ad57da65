/*
 * hostile.c - a program that tries to harm what is beside and below it.
 *
 * Usage: hostile CASE...      (no case: the names)
 * Each attack runs in a child, so that the program can tell how it ended. One
 * line a case, which is the same wherever the processor is the same:
 *   name: signal N, signal N, exit N, ...  (runs of equal ends are counted)
 * The program ends with 0 when every child ended within its time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static int verbose_ends;
static int last = -1, run;

static void flush_ends(void)
{
	if (last < 0)
		return;
	if (WIFSIGNALED(last))
		printf(" signal %d", WTERMSIG(last));
	else
		printf(" exit %d", WEXITSTATUS(last));
	if (run > 1)
		printf(" x%d", run);
	last = -1;
	run = 0;
}

static void note(int st)
{
	if (!verbose_ends)
		return;
	if (st != last)
		flush_ends();
	last = st;
	run++;
}

static int hung;

/* Run attack(arg) in a child; an alarm ends what neither faults nor returns. */
static int attempt(void (*attack)(long), long arg)
{
	int st = 0;
	pid_t p = fork();
	if (p < 0) {
		perror("fork");
		exit(2);
	}
	if (p == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		alarm(60); /* none is expected to need it, on however busy a machine */
		attack(arg);
		_exit(0);
	}
	if (waitpid(p, &st, 0) != p) {
		perror("waitpid");
		exit(2);
	}
	if (WIFSIGNALED(st) && WTERMSIG(st) == SIGALRM)
		hung++;
	note(st);
	return st;
}

static unsigned char *code_page(void)
{
	unsigned char *p = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(99);
	return p;
}

/* ---- instructions ---- */

static void run_bytes(const unsigned char *b, int n)
{
	unsigned char *p = code_page();
	memset(p, 0x90, 64);
	memcpy(p, b, n);
	p[64] = 0xc3;
	__asm__ volatile("push %%rbx; push %%rbp; call *%0; pop %%rbp; pop %%rbx"
			 :: "r"(p)
			 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
			   "memory", "cc");
}
static void op_0f(long b)
{
	unsigned char c[] = {0x0f, (unsigned char)b};
	run_bytes(c, 2);
}
static void op_int(long b)
{
	unsigned char c[] = {0xcd, (unsigned char)b};
	run_bytes(c, 2);
}
static const struct { unsigned char n, b[8]; } privileged[] = {
	{1, {0xf4}},			 /* hlt */
	{1, {0xfa}}, {1, {0xfb}},	 /* cli, sti */
	{1, {0xec}}, {1, {0xee}},	 /* in, out dx */
	{2, {0xe4, 0x64}}, {2, {0xe6, 0xf4}},
	{1, {0x6c}}, {1, {0x6e}},	 /* insb, outsb */
	{3, {0x0f, 0x01, 0xf8}},	 /* swapgs */
	{3, {0x0f, 0x20, 0xc0}}, {3, {0x0f, 0x22, 0xc0}}, {3, {0x0f, 0x22, 0xd8}},
	{3, {0x0f, 0x21, 0xf8}}, {3, {0x0f, 0x23, 0xf8}},
	{2, {0x0f, 0x32}}, {2, {0x0f, 0x30}}, {2, {0x0f, 0x08}}, {2, {0x0f, 0x09}}, {2, {0x0f, 0x06}},
	{2, {0x0f, 0x07}}, {3, {0x48, 0x0f, 0x07}}, {2, {0x0f, 0x34}}, {2, {0x0f, 0x35}},
	{2, {0x48, 0xcf}}, {1, {0xcf}}, {1, {0xcb}},
	{3, {0x0f, 0x00, 0xd0}}, {3, {0x0f, 0x00, 0xd8}}, /* lldt, ltr */
	{2, {0x0f, 0x0b}}, {1, {0xf1}}, {1, {0xcc}},
	{2, {0x8e, 0xd0}}, {2, {0x8e, 0xd8}}, {2, {0x8e, 0xe0}}, {2, {0x8e, 0xe8}},
};
static void op_privileged(long i) { run_bytes(privileged[i].b, privileged[i].n); }

/* ---- where to run, where the stack is ---- */

static const unsigned long bad_addresses[] = {
	0, 1, 0xfff, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0x8000000000000000,
	0xffff800000000000, 0xffffffff80000000, 0xffffffff80281000, 0xfffffffffffff000, 0xffffffffffffffff,
	0xfee00000, 0xfec00000, 0x100000,
};
#define NBAD (sizeof bad_addresses / sizeof *bad_addresses)
static void jump(long i) { __asm__ volatile("jmp *%0" ::"r"(bad_addresses[i])); }
static void load(long i) { *(volatile char *)bad_addresses[i]; }
static void store(long i) { *(volatile char *)bad_addresses[i] = 1; }
static void stack_syscall(long i)
{
	long r;
	__asm__ volatile("mov %%rsp,%%r12; mov %1,%%rsp; mov $39,%%eax; syscall; mov %%r12,%%rsp"
			 : "=&a"(r) : "r"(bad_addresses[i]) : "rcx", "r11", "r12", "memory");
	_exit(r == getpid() ? 0 : 1);
}
static void stack_trap(long i)
{
	__asm__ volatile("mov %0,%%rsp; ud2" ::"r"(bad_addresses[i]));
}
static void stack_push(long i) { __asm__ volatile("mov %0,%%rsp; push %%rax" ::"r"(bad_addresses[i])); }

/* The last instruction below the end of user space: the return address is not canonical. */
static void edge_syscall(long unused)
{
	(void)unused;
	unsigned char *p = mmap((void *)0x7fffffffe000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (p == MAP_FAILED)
		_exit(1);
	p[4094] = 0x0f;
	p[4095] = 0x05;
	__asm__ volatile("mov $39,%%eax; jmp *%0" ::"r"(p + 4094) : "rax", "rcx", "r11");
}

/* ---- flags ---- */

static const unsigned long flag_sets[] = {
	0x100 /* TF */, 0x200 /* IF */, 0x400 /* DF */, 0x3000 /* IOPL */, 0x4000 /* NT */, 0x10000 /* RF */,
	0x20000 /* VM */, 0x40000 /* AC */, 0x80000, 0x100000, 0x200000 /* ID */, 0x244500, 0xffffffff,
};
#define NFLAGS (sizeof flag_sets / sizeof *flag_sets)
static void on_trap(int s) { (void)s; }
static void flags_syscall(long i)
{
	long r;
	signal(SIGTRAP, on_trap);
	signal(SIGBUS, SIG_DFL);
	__asm__ volatile("pushfq; popq %%r12; pushq %1; popfq; mov $39,%%eax; syscall; pushq %%r12; popfq; cld"
			 : "=&a"(r) : "r"(flag_sets[i] | 2) : "rcx", "r11", "r12", "memory", "cc");
	_exit(r == getpid() ? 0 : 1);
}

/* ---- signal frames ---- */

static int frame_attack;
static void spoil(int s, siginfo_t *si, void *v)
{
	(void)s, (void)si;
	ucontext_t *u = v;
	greg_t *g = u->uc_mcontext.gregs;
	switch (frame_attack) {
	case 0: g[REG_RIP] = 0x8000000000000000; break;
	case 1: g[REG_RIP] = 0xffffffff80281000; break;
	case 2: g[REG_RSP] = 0x8000000000000000; break;
	case 3: g[REG_EFL] = -1; break;
	case 4: g[REG_CSGSFS] = 0; break;
	case 5: g[REG_CSGSFS] = 0x10; break;
	case 6: g[REG_CSGSFS] = -1; break;
	case 7: u->uc_mcontext.fpregs = (void *)1; break;
	case 8: u->uc_mcontext.fpregs = (void *)0xffff800000000000; break;
	case 9: memset(u->uc_mcontext.fpregs, 0xff, 512); break;
	case 10: u->uc_mcontext.fpregs->mxcsr = -1; break;
	case 11: memset((char *)u->uc_mcontext.fpregs + 512, 0xff, 64); break;
	case 12: memset(g, 0xff, sizeof u->uc_mcontext.gregs); break;
	case 13: memset(u, 0xff, 256); break;
	case 14: memset(u, 0, 256); break;
	case 15: u->uc_mcontext.fpregs = 0; break;
	case 16: munmap((void *)((unsigned long)u & ~4095ul), 4096); break;
	}
}
static void bad_sigreturn(long i)
{
	struct sigaction sa = {0};
	frame_attack = (int)i;
	sa.sa_sigaction = spoil;
	sa.sa_flags = SA_SIGINFO;
	sigaction(SIGUSR1, &sa, 0);
	raise(SIGUSR1);
}
static void bare_sigreturn(long i)
{
	__asm__ volatile("mov %0,%%rsp; mov $15,%%eax; syscall" ::"r"(bad_addresses[i]));
}

/* ---- system calls with hostile arguments ---- */

static unsigned long hostile_values[10];
static int skip_call(long nr)
{
	switch (nr) {
	case SYS_pause: case SYS_rt_sigsuspend: case SYS_rt_sigreturn: case SYS_vfork: case SYS_fork:
	case SYS_clone: case SYS_clone3: case SYS_kill: case SYS_tkill: case SYS_reboot: case SYS_exit:
	case SYS_exit_group: case SYS_vhangup: case SYS_swapoff: case SYS_umount2: case SYS_chroot:
	case SYS_sethostname: case SYS_setdomainname: case SYS_settimeofday: case SYS_clock_settime:
	case SYS_alarm: case SYS_setitimer: case SYS_init_module: case SYS_finit_module: case SYS_delete_module:
	case SYS_kexec_load: case SYS_syslog: case SYS_unlink: case SYS_rename: case SYS_acct: case SYS_sync:
	case SYS_mount: case SYS_pivot_root: case SYS_iopl: case SYS_ioperm: case SYS_adjtimex: case SYS_clock_adjtime:
		return 1;
	}
	return 0;
}
static void hostile_call(long nr)
{
	unsigned seed = (unsigned)nr * 2654435761u + 12345;
	int null = open("/dev/null", O_RDWR);
	dup2(null, 1);
	dup2(null, 2);
	for (int i = 0; i < 25; i++) {
		unsigned long a[6];
		for (int k = 0; k < 6; k++) {
			seed = seed * 1103515245 + 12345;
			a[k] = hostile_values[(seed >> 16) % 10];
		}
		pid_t p = fork(); /* a call may replace or block this process */
		if (p == 0) {
			ualarm(20000, 0);
			syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
			_exit(0);
		}
		if (p < 0)
			_exit(3);
		int st;
		while (waitpid(p, &st, __WALL) < 0 && errno == EINTR)
			;
	}
}
static void all_calls(void)
{
	char *ro = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *rw = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(rw + 4096, 4096);
	unsigned long v[10] = {0, 1, ~0ul, 0xffff800000000000, 0x800000000000, (unsigned long)ro,
			       (unsigned long)rw + 4095, (unsigned long)rw, 0x7fffffff, 1ul << 63};
	memcpy(hostile_values, v, sizeof v);
	dup2(open("/dev/null", O_RDWR), 0);
	for (long nr = 0; nr < 463; nr++)
		if (!skip_call(nr))
			attempt(hostile_call, nr);
	printf(" calls done");
}

/* ---- bombs ---- */

static void fork_bomb(long unused)
{
	(void)unused;
	int n = 0;
	setpgid(0, 0);
	struct rlimit few = {300, 300};
	setrlimit(RLIMIT_NPROC, &few);
	if (setuid(1000))
		_exit(1);
	for (;;) {
		pid_t p = fork();
		if (p == 0) {
			pause();
			_exit(0);
		}
		if (p < 0)
			break;
		if (++n > 5000)
			break;
	}
	int e = errno;
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(0) > 0)
		;
	_exit(n > 5000 ? 2 : e == EAGAIN || e == ENOMEM ? 0 : 1);
}
static void memory_bomb(long unused)
{
	(void)unused;
	for (;;) {
		char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			raise(SIGKILL);
		for (int i = 0; i < 1 << 20; i += 4096)
			p[i] = 1;
	}
}

static const struct attack {
	const char *name;
	void (*fn)(long);
	int count, tell;
} attacks[] = {
	{"op0f", op_0f, 256, 0},
	{"int", op_int, 256, 0},
	{"privileged", op_privileged, sizeof privileged / sizeof *privileged, 0},
	{"jump", jump, NBAD, 1},
	{"load", load, NBAD, 1},
	{"store", store, NBAD, 1},
	{"stack_syscall", stack_syscall, NBAD, 1},
	{"stack_trap", stack_trap, NBAD, 1},
	{"stack_push", stack_push, NBAD, 1},
	{"edge_syscall", edge_syscall, 1, 1},
	{"flags", flags_syscall, NFLAGS, 1},
	{"sigreturn", bad_sigreturn, 17, 1},
	{"bare_sigreturn", bare_sigreturn, NBAD, 1},
	{"calls", 0, 0, 0},
	{"forkbomb", fork_bomb, 1, 1},
	{"membomb", memory_bomb, 1, 1},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, 0, _IOLBF, 0);
	if (argc < 2) {
		for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
			puts(attacks[i].name);
		return 0;
	}
	for (int k = 1; k < argc; k++) {
		const struct attack *a = 0;
		for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
			if (!strcmp(attacks[i].name, argv[k]))
				a = &attacks[i];
		if (!a) {
			fprintf(stderr, "hostile: no case %s\n", argv[k]);
			return 2;
		}
		fflush(stdout);
		printf("%s:", a->name);
		fflush(stdout);
		verbose_ends = a->tell;
		if (!a->fn)
			all_calls();
		for (int i = 0; i < a->count; i++)
			attempt(a->fn, i);
		flush_ends();
		printf("\n");
	}
	if (hung)
		printf("%d children had to be ended by an alarm\n", hung);
	return hung != 0;
}
