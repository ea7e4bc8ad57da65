/*
 * The clock calls that a program makes without a trap. See vdso(7). The page
 * before the image is the data page that package vdso describes: its layout
 * here and there must agree, which the package's test checks by running this code.
 */
typedef unsigned long u64;
typedef unsigned int u32;

struct timespec { long sec, nsec; };
struct timeval { long sec, usec; };
struct timezone { int west, dst; };

struct data {
	u32 sequence;    /* odd while the personality changes the rest */
	u32 flags;       /* bit 0: the TSC may be used */
	u64 tsc0, mult;  /* ns since boot = (tsc - tsc0) * mult >> 32 */
	long realtime;   /* add for CLOCK_REALTIME, ns */
	long tai;        /* add to that for CLOCK_TAI, ns */
	struct timezone zone;
};
extern const volatile struct data data_page __attribute__((visibility("hidden")));

#define COARSE 4000000 /* ns: the tick of HZ=250, what clock_getres(2) says */

#define NR_clock_gettime 228
#define NR_clock_getres 229
#define NR_gettimeofday 96
#define NR_time 201
#define NR_getcpu 309

static inline long call3(long nr, long a, long b, long c)
{
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}

/* ns of the clock, or -1 when only the kernel can tell. */
static inline long read_clock(int clock)
{
	u32 seq;
	long ns, add;
	do {
		u32 lo, hi;
		seq = data_page.sequence;
		__asm__ volatile("" ::: "memory");
		if (!(data_page.flags & 1))
			return -1;
		switch (clock) {
		case 0: case 5: add = data_page.realtime; break;
		case 1: case 4: case 6: case 7: add = 0; break;
		case 11: add = data_page.realtime + data_page.tai; break;
		default: return -1;
		}
		__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
		u64 d = ((u64)hi << 32 | lo) - data_page.tsc0;
		ns = (long)((unsigned __int128)d * data_page.mult >> 32);
		if (clock == 5 || clock == 6)
			ns -= ns % COARSE;
		ns += add;
		__asm__ volatile("" ::: "memory");
	} while (seq & 1 || seq != data_page.sequence);
	return ns;
}

int __vdso_clock_gettime(int clock, struct timespec *ts)
{
	long ns = read_clock(clock);
	if (ns < 0)
		return (int)call3(NR_clock_gettime, clock, (long)ts, 0);
	ts->sec = ns / 1000000000;
	ts->nsec = ns % 1000000000;
	return 0;
}

int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
	long ns = read_clock(0);
	if (ns < 0)
		return (int)call3(NR_gettimeofday, (long)tv, (long)tz, 0);
	if (tv) {
		tv->sec = ns / 1000000000;
		tv->usec = ns % 1000000000 / 1000;
	}
	if (tz) {
		tz->west = data_page.zone.west;
		tz->dst = data_page.zone.dst;
	}
	return 0;
}

long __vdso_time(long *t)
{
	long ns = read_clock(0);
	if (ns < 0)
		return call3(NR_time, (long)t, 0, 0);
	long s = ns / 1000000000;
	if (t)
		*t = s;
	return s;
}

int __vdso_clock_getres(int clock, struct timespec *ts)
{
	long res = 1;
	switch (clock) {
	case 0: case 1: case 4: case 7: case 11: break;
	case 5: case 6: res = COARSE; break;
	default: return (int)call3(NR_clock_getres, clock, (long)ts, 0);
	}
	if (ts) {
		ts->sec = 0;
		ts->nsec = res;
	}
	return 0;
}

long __vdso_getcpu(u32 *cpu, u32 *node, void *unused)
{
	(void)unused;
	if (cpu)
		*cpu = 0;
	if (node)
		*node = 0;
	return 0;
}

int clock_gettime(int, struct timespec *) __attribute__((weak, alias("__vdso_clock_gettime")));
int gettimeofday(struct timeval *, struct timezone *) __attribute__((weak, alias("__vdso_gettimeofday")));
long time(long *) __attribute__((weak, alias("__vdso_time")));
int clock_getres(int, struct timespec *) __attribute__((weak, alias("__vdso_clock_getres")));
long getcpu(u32 *, u32 *, void *) __attribute__((weak, alias("__vdso_getcpu")));
