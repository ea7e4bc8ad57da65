// A program to be probed: threads call a function as often as the argument says in all, then a forked
// child does so as often as the second argument says. It prints the sum of what the calls returned.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { threads = 4 };

__attribute__((noinline)) long helper(long n) { return 2 * n + 1; }

// The function to be probed: it calls another, itself, and uses memory relative to its place.
static volatile long bias = 3;

__attribute__((noinline)) long work(long n)
{
	if (n % 16 == 5)
		return work(n - 1) + 1;
	return helper(n) + bias;
}

static int calls;

static void *run(void *arg)
{
	long sum = 0;
	for (int i = (int)(long)arg; i < calls; i += threads)
		sum += work(i * 16);
	return (void *)sum;
}

int main(int argc, char **argv)
{
	calls = argc > 1 ? atoi(argv[1]) : 0;
	pthread_t t[threads];
	long sum = 0;
	for (long i = 0; i < threads; i++)
		if (pthread_create(&t[i], 0, run, (void *)i))
			return 1;
	for (int i = 0; i < threads; i++) {
		void *part;
		pthread_join(t[i], &part);
		sum += (long)part;
	}
	printf("%ld\n", sum);
	fflush(stdout);
	if (argc > 2) {
		int status = -1;
		calls = atoi(argv[2]);
		if (fork() == 0)
			_exit((int)((long)run((void *)0) & 127));
		wait(&status);
		printf("child %d\n", WEXITSTATUS(status));
	}
	return 0;
}
