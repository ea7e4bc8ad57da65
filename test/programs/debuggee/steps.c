// A program of one thread for debuggers: calls, recursion, a loop, data of several
// kinds, a signal, and a fault at the end when it is asked for.
#include <signal.h>
#include <unistd.h>

#include "call.h"

struct point {
	int x, y;
	double weight;
	const char *name;
};

volatile int total;
volatile long wide[4];
volatile int caught;
static struct point origin = {1, -2, 0.5, "origin"};

int twice(int n)
{
	int result = n * 2;
	return result;
}

int factorial(int n)
{
	if (n <= 1)
		return 1;
	return n * factorial(n - 1);
}

double half(double value) { return value / 2; }

static void handler(int number)
{
	caught = number;
	say("caught\n");
}

int main(int argc, char **argv)
{
	signal(SIGUSR1, handler);
	for (int i = 0; i < 6; i++)
		total += twice(i);
	wide[2] = factorial(5);
	origin.weight = half(origin.weight);
	call(SYS_kill, getpid(), SIGUSR1, 0, 0, 0);
	say(caught ? "after the signal\n" : "no signal\n");
	if (argc > 1)
		*(volatile int *)0x10 = origin.x;
	return total == 30 ? 7 : 8;
}
