/* A program of the hello personality that needs no input (images/both.yaml): it counts to
 * 100 at its leisure and prints each number, a line at a time. */

static long call(long number, const void *a, unsigned long b)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return result;
}

enum { EXIT, PRINT, READ, COUNT };

void _start(void)
{
	for (;;) {
		char line[] = "hello 000\n";
		long n = call(COUNT, 0, 0);
		line[6] += n / 100;
		line[7] += n / 10 % 10;
		line[8] += n % 10;
		for (unsigned long done = 0; done < sizeof line - 1;) {
			long got = call(PRINT, line + done, sizeof line - 1 - done);
			if (got < 0)
				call(EXIT, (void *)1, 0);
			done += got;
		}
		if (n == 100)
			break;
		for (volatile long i = 0; i < 300000; i++)
			;
	}
	call(EXIT, 0, 0);
}
