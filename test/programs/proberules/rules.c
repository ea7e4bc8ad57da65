// What a program can see of probes in itself and in its children (Linux kernel/events/uprobes.c): it probes its own
// functions by perf_event_open(2) and prints one line for each rule. test/system compares the lines with
// what Linux prints.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

typedef uint64_t u64;
typedef unsigned char u8;

enum { page = 4096, trap = 0xcc };

static const char *self;

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

// ---- places in this file ----

extern const Elf64_Ehdr __ehdr_start;

static u64 offset_of(void *fn)
{
	const Elf64_Phdr *p = (const void *)((const char *)&__ehdr_start + __ehdr_start.e_phoff);
	u64 at = (u64)fn;
	for (int i = 0; i < __ehdr_start.e_phnum; i++)
		if (p[i].p_type == PT_LOAD && at >= p[i].p_vaddr && at - p[i].p_vaddr < p[i].p_filesz)
			return at - p[i].p_vaddr + p[i].p_offset;
	die("no such place");
	return 0;
}

// byte is what a program reads at an address, not what the compiler thinks is there.
static int byte(void *at) { return *(volatile u8 *)at; }

static void *area(void)
{
	char line[256];
	void *at = 0, *end;
	FILE *f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof line, f))
		if (strstr(line, "[uprobes]"))
			sscanf(line, "%p-%p", &at, &end);
	if (f)
		fclose(f);
	return at;
}

// ---- events ----

struct event_attr { // struct perf_event_attr, for musl has no kernel headers
	uint32_t type, size;
	u64 config, period, sample, format, bits;
	uint32_t wakeup, bp_type;
	u64 path, offset;
};
enum { disabled = 1, inherit = 2, enable_on_exec = 1 << 12 };
enum { ev_enable = 0x2400, ev_disable = 0x2401, ev_reset = 0x2403 };

static int uprobe_type(void)
{
	static int type;
	if (!type) {
		FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
		if (!f || fscanf(f, "%d", &type) != 1)
			die("uprobe unit");
		fclose(f);
	}
	return type;
}

static int event_at(u64 offset, u64 config, u64 bits, int pid)
{
	struct event_attr a = {.type = uprobe_type(), .size = sizeof a, .config = config, .bits = bits,
			       .path = (u64)self, .offset = offset};
	return syscall(SYS_perf_event_open, &a, pid, pid == -1 ? 0 : -1, -1, 8);
}

static int probe(void *fn, int at_return, int pid)
{
	int fd = event_at(offset_of(fn), at_return, 0, pid);
	if (fd < 0)
		die("perf_event_open");
	return fd;
}

static long count(int fd)
{
	u64 n;
	if (read(fd, &n, sizeof n) != sizeof n)
		die("read of an event");
	return n;
}

static long closed(int fd)
{
	long n = count(fd);
	close(fd);
	return n;
}

static int run_child(void (*f)(void))
{
	fflush(stdout);
	int st, pid = fork();
	if (pid == 0) {
		f();
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &st, 0);
	return st;
}

// ---- functions to be probed; each begins with the instruction that its name says ----

#define FN(name, body) \
	long name(long); \
	__asm__(".text\n.balign 16\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" body "\n.size " #name ", .-" #name "\n")

FN(move, "movq %rdi,%rax\nret");
FN(push, "pushq %rbx\nmovq %rdi,%rbx\nleaq 1(%rbx),%rax\npopq %rbx\nret");
FN(nothing, "nop\nmovq %rdi,%rax\nret");
FN(endbr, "endbr64\nmovq %rdi,%rax\nret");
FN(call_near, "call 1f\naddq $1,%rax\nret\n1: leaq 2(%rdi),%rax\nret");
FN(call_register, "call *%rsi\nret");
FN(call_memory, "call *pointer(%rip)\naddq $1,%rax\nret\n.data\npointer: .quad move\n.text");
FN(jump_near, "jmp 1f\nud2\n1: leaq 3(%rdi),%rax\nret");
FN(jump_memory, "jmp *pointer(%rip)");
FN(jump_if, "jrcxz 1f\n1: testq %rdi,%rdi\njz 2f\nmovq $10,%rax\nret\n2: movq $20,%rax\nret");
FN(branch, "jz 1f\nmovl $1,%eax\nret\n1: movl $2,%eax\nret");
FN(branch_far, "jnz branch_target\nmovl $1,%eax\nret\n.skip 200\nbranch_target: movl $2,%eax\nret");
FN(just_ret, "ret");
FN(lea_ip, "leaq number(%rip),%rax\nmovq (%rax),%rax\nret\n.data\nnumber: .quad 41\n.text");
FN(load_ip, "movq number(%rip),%rax\nret");
FN(load_ip_rsi, "movq number(%rip),%rsi\nmovq %rsi,%rax\nret");
FN(load_ip_rdi, "addq number(%rip),%rdi\nmovq %rdi,%rax\nret");
FN(compare_ip, "cmpq $41,number(%rip)\nsete %al\nmovzbl %al,%eax\nret");
FN(store_ip, "movq %rdi,stored(%rip)\nmovq stored(%rip),%rax\nret\n.data\nstored: .quad 0\n.text");
FN(sse_ip, "movq number(%rip),%xmm0\nmovq %xmm0,%rax\nret");
FN(exchange_ip, "xchgq %rdi,stored(%rip)\nxchgq stored(%rip),%rdi\nmovq %rdi,%rax\nret");
FN(push_flags, "pushfq\npopq %rax\nandl $0x100,%eax\nret");
FN(pop_flags_2, "pushfq\npopfq\nmovl $7,%eax\nret");
FN(system_call, "syscall\nret");
FN(copy, "rep movsb\nmovq %rdi,%rax\nret");
FN(loop, "loop 1f\nmovl $1,%eax\nret\n1: movl $2,%eax\nret");
FN(sub_sp, "subq $24,%rsp\nmovq %rdi,(%rsp)\nmovq (%rsp),%rax\naddq $24,%rsp\nret");
FN(load, "movq (%rdi),%rax\nret");
FN(locked, "lock incq stored(%rip)\nret");
FN(breakpoint, "int3\nret");
FN(segment, ".byte 0x2e,0x48,0x89,0xf8\nret");
FN(halt, "hlt\nret");
FN(undefined, "ud2\nret");

__attribute__((noinline)) long recurse(long n)
{
	__asm__ volatile("");
	return n ? recurse(n - 1) + 1 : 0;
}

static jmp_buf out;
__attribute__((noinline)) long leave(long n)
{
	__asm__ volatile("" : "+r"(n));
	if (n == 0)
		longjmp(out, 1);
	return leave(n - 1) + 1;
}
__attribute__((noinline)) long wrap(long n)
{
	volatile long r = 0;
	if (setjmp(out) == 0)
		r = leave(n);
	else
		r = 100;
	return r;
}

// ---- key and mappings ----

// Every mapping of the place, now and later, at the offset that the mapping has; the file and what others map stay as
// they are.
static void mappings(void)
{
	u64 offset = offset_of(move), base = offset & ~(page - 1UL);
	int file = open(self, O_RDONLY);
	u8 *before = mmap(0, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, base);
	u8 *shared = mmap(0, page, PROT_READ | PROT_EXEC, MAP_SHARED, file, base);
	u8 *writable = mmap(0, page, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, file, base);
	u8 *data = mmap(0, page, PROT_READ, MAP_PRIVATE, file, base);
	int fd = probe(move, 0, 0);
	u8 *after = mmap(0, 2 * page, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, base - page);
	u8 on_file;
	int at = offset & (page - 1);
	pread(file, &on_file, 1, offset);
	printf("mappings: text %02x, before %02x, after %02x, shared %02x, writable %02x, data %02x, file %02x\n", byte(move), byte(before + at),
	       byte(after + page + at), byte(shared + at), byte(writable + at), byte(data + at), on_file);
	long r = ((long (*)(long))(before + at))(5) + ((long (*)(long))(after + page + at))(6) + move(7);
	printf("mappings: %ld from %ld hits\n", r, count(fd));
	mprotect(writable, page, PROT_READ | PROT_EXEC);
	u8 *moved = mremap(after, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, before - 64 * page);
	printf("mappings: moved %02x\n", byte(moved + page + at));
	r = ((long (*)(long))(moved + page + at))(8);
	printf("mappings: %ld from %ld hits, moved\n", r, count(fd));
	close(fd);
	printf("mappings: closed, text %02x, before %02x, moved %02x\n", byte(move), byte(before + at), byte(moved + page + at));
	munmap(before, page), munmap(shared, page), munmap(writable, page), munmap(data, page), munmap(moved, 2 * page);
	close(file);
}

// A mapping that has become writable is still probed, and restored.
static void becomes_writable(void)
{
	int fd = probe(move, 0, 0);
	void *at = (void *)((u64)move & ~(page - 1UL));
	mprotect(at, page, PROT_READ | PROT_WRITE | PROT_EXEC);
	long r = move(3);
	long n = count(fd);
	close(fd);
	printf("writable text: %ld, %ld hits, then %02x\n", r, n, byte(move));
	mprotect(at, page, PROT_READ | PROT_EXEC);
}

// ---- instructions ----

static int call3(long (*f)(long), long a, long b, long c)
{
	long r;
	__asm__ volatile("xorl %%eax,%%eax\ntestq %%rcx,%%rcx\nleaq -128(%%rsp),%%rsp\ncall *%4\nleaq 128(%%rsp),%%rsp" : "=a"(r), "+D"(a), "+S"(b), "+c"(c) : "b"(f) : "rdx", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0");
	return r;
}

static void instructions(void)
{
	static char from[8] = "abcdefg", to[8];
	static const struct {
		const char *name;
		long (*f)(long);
		long a, b, c;
	} all[] = {
		{"move", move, 4, 0, 0}, {"push", push, 4, 0, 0}, {"nop", nothing, 4, 0, 0}, {"endbr64", endbr, 4, 0, 0},
		{"call", call_near, 4, 0, 0}, {"call *%rsi", call_register, 4, (long)move, 0}, {"call *mem(%rip)", call_memory, 4, 0, 0},
		{"jmp", jump_near, 4, 0, 0}, {"jmp *mem(%rip)", jump_memory, 4, 0, 0}, {"jrcxz", jump_if, 0, 0, 0},
		{"jz taken", branch, 4, 0, 0}, {"jz not taken", branch, 4, 0, 9}, {"jnz near", branch_far, 4, 0, 9},
		{"ret", just_ret, 4, 0, 0}, {"lea (%rip)", lea_ip, 4, 0, 0}, {"mov (%rip)", load_ip, 4, 0, 0},
		{"mov (%rip),%rsi", load_ip_rsi, 4, 5, 6}, {"add (%rip),%rdi", load_ip_rdi, 4, 5, 6}, {"cmp (%rip)", compare_ip, 4, 0, 0},
		{"mov %rdi,(%rip)", store_ip, 4, 0, 0}, {"sse (%rip)", sse_ip, 4, 0, 0}, {"xchg (%rip)", exchange_ip, 4, 0, 0}, 
		{"rep movsb", copy, (long)to, (long)from, 7}, {"loop", loop, 4, 0, 5}, {"sub %rsp", sub_sp, 4, 0, 0},
		{"lock", locked, 4, 0, 0}, {"int3", breakpoint, 4, 0, 0}, {"hlt", halt, 4, 0, 0}, {"cs prefix", segment, 4, 0, 0},
	};
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
		int fd = event_at(offset_of(all[i].f), 0, 0, 0);
		if (fd < 0) {
			printf("%s: refused, %d\n", all[i].name, errno);
			continue;
		}
		close(fd);
		int plain = call3(all[i].f, all[i].a, all[i].b, all[i].c);
		fd = probe(all[i].f, 0, 0);
		int probed = call3(all[i].f, all[i].a, all[i].b, all[i].c);
		int again = call3(all[i].f, all[i].a, all[i].b, all[i].c);
		int back = probe(all[i].f, 1, 0);
		int returned = call3(all[i].f, all[i].a, all[i].b, all[i].c);
		long hits = closed(fd), returns = closed(back);
		if (all[i].f == copy) // processors differ in how often they trap in a repeated instruction
			hits = hits >= 21 ? 3 : hits, returns = returns >= 7 ? 1 : returns;
		printf("%s: %s, %ld hits, %ld returns\n", all[i].name, plain == probed && plain == again && plain == returned ? "same" : "DIFFERENT", hits, returns);
	}
}

// ---- signals ----

static void *fault_at;
static volatile u64 fault_ip;
static volatile int faults;

static void on_fault(int s, siginfo_t *i, void *u)
{
	ucontext_t *c = u;
	fault_ip = c->uc_mcontext.gregs[REG_RIP];
	faults += i->si_addr == fault_at && !(c->uc_mcontext.gregs[REG_EFL] & 0x100);
	mprotect(fault_at, page, PROT_READ | PROT_WRITE);
}

static void handler(int sig, void (*h)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = {.sa_sigaction = h, .sa_flags = SA_SIGINFO | flags};
	sigaction(sig, &a, 0);
}

// A fault of the stepped copy is one of the original, which is executed again afterwards.
static void fault_in_step(void)
{
	fault_at = mmap(0, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	handler(SIGSEGV, on_fault, 0);
	int fd = probe(load, 0, 0);
	long r = load((long)fault_at);
	printf("fault in a step: %ld, at the original %d, %d fault, %ld hits\n", r, fault_ip == (u64)load, faults, closed(fd));
	signal(SIGSEGV, SIG_DFL);
	munmap(fault_at, page);
}

static volatile int ticks, inside;
static void *area_at;

static void on_tick(int s, siginfo_t *i, void *u)
{
	ucontext_t *c = u;
	u64 ip = c->uc_mcontext.gregs[REG_RIP];
	ticks++;
	inside += ip - (u64)area_at < page || c->uc_mcontext.gregs[REG_EFL] & 0x100;
}

// No signal is delivered in the middle of a step, and none is lost.
static void signal_in_step(void)
{
	int fd = probe(move, 0, 0);
	move(0);
	area_at = area();
	handler(SIGALRM, on_tick, SA_RESTART);
	struct itimerval t = {{0, 500}, {0, 500}}, none = {{0, 0}, {0, 0}};
	setitimer(ITIMER_REAL, &t, 0);
	long sum = 0, n = 1;
	while (ticks < 100) {
		sum += move(1);
		n++;
	}
	setitimer(ITIMER_REAL, &none, 0);
	printf("signals: every call counted %d, sum %d, in the area %d\n", closed(fd) == n, sum == n - 1, inside);
	signal(SIGALRM, SIG_DFL);
}

// An instruction that is none is none at its own place.
static void on_undefined(int s, siginfo_t *i, void *u)
{
	ucontext_t *c = u;
	_exit(s == SIGILL && c->uc_mcontext.gregs[REG_RIP] == (long)undefined && i->si_addr == (void *)undefined ? 7 : 8);
}
static void call_undefined(void)
{
	handler(SIGILL, on_undefined, 0);
	undefined(1);
}
static void undefined_in_step(void)
{
	int fd = probe(undefined, 0, -1);
	printf("undefined: status %x", run_child(call_undefined));
	printf(", %ld hits\n", closed(fd));
}

// A fatal signal does not wait.
static void kill_in_step(void)
{
	int fd = probe(move, 0, -1);
	for (int i = 0; i < 20; i++) {
		int pid = fork();
		if (pid == 0)
			for (;;)
				move(1);
		usleep(300);
		kill(pid, i % 2 ? SIGKILL : SIGTERM);
		int st;
		waitpid(pid, &st, 0);
		if (!WIFSIGNALED(st) || WTERMSIG(st) != (i % 2 ? SIGKILL : SIGTERM))
			printf("kill: status %x\n", st);
	}
	printf("kill: done\n");
	close(fd);
}

// ---- threads ----

static void *worker(void *a)
{
	long sum = 0;
	for (int i = 0; i < 1000; i++)
		sum += move(1) + recurse(2);
	return (void *)sum;
}

static void threads(void)
{
	int in = probe(move, 0, -1), back = probe(recurse, 1, -1);
	pthread_t t[4];
	void *r;
	long sum = 0;
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], 0, worker, 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &r);
		sum += (long)r;
	}
	printf("threads: sum %ld, %ld entries, %ld returns\n", sum, closed(in), closed(back));
}

// Probes come and go while threads are at them: nobody sees a trap.
static volatile int stop;
static void *caller(void *a)
{
	long n = 0;
	while (!stop) {
		if (move(1) != 1 || push(1) != 2)
			return (void *)-1;
		n++;
	}
	return (void *)n;
}

static void contended(void)
{
	pthread_t t[3];
	void *r;
	int bad = 0;
	stop = 0;
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], 0, caller, 0);
	for (int i = 0; i < 20; i++) {
		int a = probe(move, i % 2, -1), b = probe(push, 0, -1);
		usleep(50);
		close(a);
		close(b);
	}
	stop = 1;
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &r);
		bad += (long)r <= 0;
	}
	printf("probes come and go: %d threads went wrong\n", bad);
}

// ---- fork and exec ----

static void calls(void)
{
	for (int i = 0; i < 3; i++)
		move(1);
	if (recurse(2) != 2)
		_exit(3);
}
static void no_area(void)
{
	printf("fork: area in the child %d\n", area() != 0);
	move(1);
	printf("fork: area after a hit %d\n", area() != 0);
}

__attribute__((noinline)) long forks(long n)
{
	__asm__ volatile("");
	return n == 7 ? fork() : -1;
}

static void forking(void)
{
	int all = probe(move, 0, -1), mine = probe(recurse, 0, 0);
	move(1), recurse(0);
	int st = run_child(calls);
	printf("fork: status %x, of all %ld hits, of this process alone %ld\n", st, count(all), count(mine));
	st = run_child(no_area);
	printf("fork: status %x, %ld hits\n", st, closed(all));
	close(mine);
	int back = probe(forks, 1, -1);
	fflush(stdout);
	int pid = forks(7);
	if (pid == 0)
		_exit(forks(1) == -1 ? 5 : 6);
	waitpid(pid, &st, 0);
	printf("fork in a function with a probe at its return: status %x, %ld returns\n", st, closed(back));
}

static int exec_child(const char *what)
{
	fflush(stdout);
	int pid = fork();
	if (pid == 0) {
		execl(self, self, what, (char *)0);
		_exit(99);
	}
	int st;
	waitpid(pid, &st, 0);
	return st;
}

__attribute__((noinline)) long execs(long n)
{
	__asm__ volatile("");
	if (n)
		execl(self, self, "calls", (char *)0);
	return 1;
}
static void exec_inside(void) { execs(1); }

static void executing(void)
{
	int in = probe(move, 0, -1), back = probe(execs, 1, -1);
	int st = exec_child("calls");
	printf("exec: status %x, %ld hits\n", st, count(in));
	printf("exec in a function with a probe at its return: status %x", run_child(exec_inside));
	printf(", %ld hits, %ld returns\n", closed(in), closed(back));
	int fd = event_at(offset_of(move), 0, disabled | enable_on_exec, 0);
	move(1);
	printf("enable_on_exec: %ld hits before\n", closed(fd));
	int pid = vfork();
	if (pid == 0)
		_exit(move(9));
	waitpid(pid, &st, 0);
	fd = probe(move, 0, -1);
	pid = vfork();
	if (pid == 0)
		_exit(move(9));
	waitpid(pid, &st, 0);
	printf("vfork: status %x, %ld hits\n", st, closed(fd));
}

// ---- returns ----

__attribute__((noinline)) long where(long n)
{
	__asm__ volatile("");
	return (long)__builtin_return_address(0);
}

// A jump to where functions with a probe at their return go, without such a function.
static void jump_to_trampoline(void)
{
	int back = probe(where, 1, 0);
	void *at = (void *)where(1);
	close(back);
	((void (*)(void))at)();
}

static void returns(void)
{
	int in = probe(recurse, 0, 0), back = probe(recurse, 1, 0), second = probe(recurse, 1, 0);
	long r = recurse(10);
	printf("returns: %ld of %ld", r, count(in));
	printf(", %ld and %ld returns\n", count(back), closed(second));
	r = recurse(199);
	printf("returns: %ld deep", r);
	printf(", %ld entries, %ld returns\n", closed(in), closed(back));
	back = probe(leave, 1, 0);
	int outer = probe(wrap, 1, 0);
	r = wrap(5);
	r += wrap(3);
	printf("longjmp: %ld, %ld and %ld returns\n", r, closed(back), closed(outer));
	back = probe(jump_memory, 1, 0), in = probe(move, 1, 0);
	r = call3(jump_memory, 4, 0, 0);
	printf("tail call: %ld, %ld and %ld returns\n", r, closed(back), closed(in));
	back = probe(where, 1, 0);
	r = where(1);
	printf("the return address is the area %d\n", r == (long)area());
	close(back);
	r = where(1);
	printf("it is not any more %d\n", r != (long)area());
	printf("trampoline without a call: signal %d\n", run_child(jump_to_trampoline));
	// A function that was entered before its probe is taken away returns all the same.
	back = probe(recurse, 1, 0);
	int inner = probe(just_ret, 0, 0);
	close(inner);
	recurse(3);
	printf("returns at the end: %ld\n", closed(back));
}

// ---- a debugger at the same place ----

static int wait_stop(int pid)
{
	int st;
	waitpid(pid, &st, 0);
	return st;
}

static int traced(void)
{
	fflush(stdout);
	int pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		long r = 0;
		for (int i = 0; i < 3; i++) {
			r += move(2);
			raise(SIGUSR1);
		}
		_exit(r);
	}
	wait_stop(pid);
	return pid;
}

static u64 ip(int pid)
{
	struct user_regs_struct r;
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	return r.rip;
}

static void show_stop(const char *what, int pid, int st)
{
	if (WIFSTOPPED(st))
		printf("%s: stopped by %d", what, WSTOPSIG(st));
	else
		printf("%s: ended %x", what, st);
	if (WIFSTOPPED(st) && WSTOPSIG(st) == SIGTRAP)
		printf(" at +%d", (int)(ip(pid) - (u64)move));
}

static void debugger(void)
{
	// The debugger's is there first.
	int pid = traced();
	long word = ptrace(PTRACE_PEEKTEXT, pid, move, 0);
	ptrace(PTRACE_POKETEXT, pid, move, (word & ~0xffL) | trap);
	int fd = probe(move, 0, pid);
	ptrace(PTRACE_CONT, pid, 0, 0);
	show_stop("breakpoint, then probe", pid, wait_stop(pid));
	printf(", %ld hits\n", closed(fd));
	ptrace(PTRACE_CONT, pid, 0, 0);
	show_stop("probe gone", pid, wait_stop(pid));
	printf(", byte %02lx\n", ptrace(PTRACE_PEEKTEXT, pid, move, 0) & 0xff);
	kill(pid, SIGKILL), wait_stop(pid);

	// The probe is there first.
	pid = traced();
	fd = probe(move, 0, pid);
	word = ptrace(PTRACE_PEEKTEXT, pid, move, 0);
	printf("the debugger reads %02lx\n", word & 0xff);
	ptrace(PTRACE_POKETEXT, pid, move, (word & ~0xffL) | trap);
	ptrace(PTRACE_CONT, pid, 0, 0);
	show_stop("probe, then breakpoint", pid, wait_stop(pid));
	printf(", %ld hits\n", count(fd));
	ptrace(PTRACE_POKETEXT, pid, move, word);
	ptrace(PTRACE_CONT, pid, 0, 0);
	show_stop("breakpoint gone", pid, wait_stop(pid));
	printf(", %ld hits\n", closed(fd));
	kill(pid, SIGKILL), wait_stop(pid);

	// A breakpoint without a probe.
	pid = traced();
	ptrace(PTRACE_POKETEXT, pid, move, (word & ~0xffL) | trap);
	fd = probe(push, 0, pid);
	ptrace(PTRACE_CONT, pid, 0, 0);
	show_stop("breakpoint beside a probe", pid, wait_stop(pid));
	printf("\n");
	close(fd);
	kill(pid, SIGKILL), wait_stop(pid);
}

// A step of a debugger's goes over a probe as over any instruction.
static void stepping(void)
{
	int pid = traced(), fd = probe(move, 0, pid), n = 0, st, there = 0;
	struct user_regs_struct r, was = {0};
	while (n++ < 100000) {
		ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
		st = wait_stop(pid);
		if (!WIFSTOPPED(st) || WSTOPSIG(st) != SIGTRAP)
			break;
		ptrace(PTRACE_GETREGS, pid, 0, &r);
		if (was.rip == (u64)move) {
			there++;
			printf("step over a probe: to +%d, ax %lld, step flag %d\n", (int)(r.rip - (u64)move), (long long)r.rax, (int)(r.eflags >> 8 & 1));
		}
		was = r;
	}
	show_stop("steps end", pid, st);
	printf(", %d steps, %ld hits\n", there, closed(fd));
	kill(pid, SIGKILL), wait_stop(pid);
}

// ---- what Linux gets wrong (6.1 and 6.18) ----

// A step puts the step flag where pushf finds it, and system calls return to where their copy was: here neither can
// be seen. Inherited events count what the children do.
static void better(void)
{
	int fd = probe(push_flags, 0, 0);
	long flags = push_flags(0);
	close(fd);
	fd = probe(pop_flags_2, 0, 0);
	int seven = pop_flags_2(0);
	printf("pushf: %ld, pushf and popf: %d, %ld hits\n", flags, seven, closed(fd));
	fd = probe(system_call, 0, 0);
	long r;
	__asm__ volatile("call system_call" : "=a"(r) : "a"(SYS_getppid) : "rcx", "r11", "memory");
	printf("syscall: %s, %ld hits\n", r == getppid() ? "same" : "DIFFERENT", closed(fd));
	int kept = event_at(offset_of(move), 0, inherit, 0);
	run_child(calls);
	move(1);
	printf("inherit: %ld hits\n", closed(kept));
	struct user_regs_struct regs;
	int st, pid;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		long x;
		__asm__ volatile("call system_call" : "=a"(x) : "a"(SYS_getppid) : "rcx", "r11", "memory");
		_exit(x == getppid() ? 0 : 1);
	}
	wait_stop(pid);
	fd = probe(system_call, 0, pid);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	for (int i = 0; i < 40; i++) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		st = wait_stop(pid);
		if (!WIFSTOPPED(st))
			break;
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		if (regs.rip - (u64)system_call < 8)
			printf("stop at a probed system call: signal %x, number %lld, +%d, step flag %d\n", WSTOPSIG(st), (long long)regs.orig_rax, (int)(regs.rip - (u64)system_call), (int)(regs.eflags >> 8 & 1));
	}
	printf("ended %x, %ld hits\n", st, closed(fd));
}

// ---- the area, counters ----

static void area_rules(void)
{
	int fd = probe(move, 0, 0);
	move(1);
	char line[256];
	FILE *f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, f))
		if (strstr(line, "[uprobes]"))
			printf("area: %.5s", strchr(line, ' '));
	fclose(f);
	void *at = area(), *to = mmap(0, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *r = mremap(at, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	printf(", mremap %d", r == MAP_FAILED ? errno : 0);
	r = mremap(at, page, 2 * page, MREMAP_MAYMOVE);
	printf(", growing %d", r == MAP_FAILED ? errno : 0);
	printf(", writable %d", mprotect(at, page, PROT_READ | PROT_WRITE) ? errno : 0);
	printf(", still works %d\n", move(6) == 6 && closed(fd) == 2);
}

static volatile uint16_t semaphore __attribute__((section(".data"))) = 0;

// A child that is not probed has the counter of its parent until it gets to the breakpoint.
static void no_counter(void)
{
	printf("counter: %d in a child", semaphore);
	move(1);
	printf(", %d when it was there\n", semaphore);
}

static void counters(void)
{
	u64 offset = offset_of((void *)&semaphore);
	printf("counter: %d", semaphore);
	int a = event_at(offset_of(move), offset << 32, 0, 0), b = event_at(offset_of(move), offset << 32 | 1, 0, 0);
	printf(", %d", semaphore);
	close(a);
	printf(", %d", semaphore);
	close(b);
	printf(", %d", semaphore);
	// Others at the same place have the same counter or none of all.
	a = event_at(offset_of(move), offset << 32, 0, 0);
	b = event_at(offset_of(move), 0, 0, 0);
	printf(", another counter %d\n", b < 0 ? errno : 0);
	close(b);
	int st = run_child(no_counter);
	printf("counter: %d here, status of the child %x\n", semaphore, st);
	close(a);
}

static void switches(void)
{
	int fd = event_at(offset_of(move), 0, disabled, 0);
	move(1);
	printf("switches: disabled %ld", count(fd));
	ioctl(fd, ev_enable, 0);
	move(1), move(1);
	printf(", enabled %ld", count(fd));
	ioctl(fd, ev_reset, 0);
	move(1);
	printf(", reset %ld", count(fd));
	ioctl(fd, ev_disable, 0);
	move(1);
	printf(", disabled %ld\n", closed(fd));
}

static const struct {
	const char *name;
	void (*f)(void);
} rules[] = {
	{"mappings", mappings}, {"becomes-writable", becomes_writable}, {"instructions", instructions}, {"fault", fault_in_step},
	{"signal", signal_in_step}, {"undefined", undefined_in_step}, {"kill", kill_in_step}, {"threads", threads}, {"contended", contended}, {"fork", forking}, {"exec", executing},
	{"returns", returns}, {"debugger", debugger}, {"step", stepping}, {"area", area_rules}, {"counters", counters}, {"switches", switches},
	{"better", better},
};

int main(int argc, char **argv)
{
	self = argv[0];
	setvbuf(stdout, 0, _IOLBF, 0);
	cpu_set_t one; // events of all threads count on one processor
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof one, &one);
	if (argc > 1 && !strcmp(argv[1], "calls")) {
		calls();
		return 0;
	}
	for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++) {
		int wanted = argc == 1 && rules[i].f != better;
		for (int n = 1; n < argc; n++)
			wanted |= !strcmp(argv[n], rules[i].name);
		if (!wanted)
			continue;
		int st = run_child(rules[i].f);
		if (st)
			printf("%s: ended with %x\n", rules[i].name, st);
	}
	return 0;
}
