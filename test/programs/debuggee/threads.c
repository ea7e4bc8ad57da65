// A program of four threads for debuggers. The others wait for their turns; the main
// thread goes on when it knows that they do. With an argument it then waits for a byte on
// its standard input.
#include <linux/futex.h>
#include <pthread.h>

#include "call.h"

volatile int turn = -1;
volatile int done[3];
volatile int aside;

static inline __attribute__((always_inline)) long move(volatile int *from, volatile int *to)
{
	return call(SYS_futex, (long)from, FUTEX_REQUEUE, 0, 3, (long)to);
}

void *worker(void *arg)
{
	long number = (long)arg;
	for (int now; (now = turn) != number;)
		call(SYS_futex, (long)&turn, FUTEX_WAIT, now, 0, 0);
	done[number] = (int)number * 10;
	return 0;
}

void all_there(void) {}

int main(int argc, char **argv)
{
	pthread_t thread[3];
	static char byte;
	for (long i = 0; i < 3; i++)
		pthread_create(&thread[i], 0, worker, (void *)i);
	// Who can be moved aside was waiting.
	while (move(&turn, &aside) < 3)
		move(&aside, &turn);
	move(&aside, &turn);
	all_there();
	if (argc > 1) {
		say("ready\n");
		call(SYS_read, 0, (long)&byte, 1, 0, 0);
	}
	for (int i = 0; i < 3; i++) {
		turn = i;
		call(SYS_futex, (long)&turn, FUTEX_WAKE, 3, 0, 0);
		pthread_join(thread[i], 0);
	}
	return done[0] + done[1] + done[2];
}
