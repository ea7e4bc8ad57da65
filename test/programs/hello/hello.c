/* A program of the hello personality (docs/personality.md): it counts, prints,
 * and echoes lines until one is "bye" or the input ends; then it exits with 7. */

static long call(long number, const void *a, unsigned long b)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return result;
}

enum { EXIT, PRINT, READ, COUNT };

static void print(const char *s, unsigned long n)
{
	while (n > 0) {
		long done = call(PRINT, s, n);
		if (done < 0)
			call(EXIT, (void *)1, 0);
		s += done;
		n -= done;
	}
}

static void number(long v)
{
	char text[24];
	int at = sizeof text;
	do
		text[--at] = '0' + v % 10;
	while ((v /= 10) > 0);
	print(text + at, sizeof text - at);
}

static int zeros[1000]; /* past the bytes of the file */

void _start(void)
{
	char line[100];
	long n, lines = 0;
	for (n = 0; n < 1000; n++)
		lines += zeros[n];
	print("hello\n", 6);
	while ((n = call(READ, line, sizeof line)) > 0) {
		lines++;
		number(call(COUNT, 0, 0));
		print(" ", 1);
		print(line, n);
		if (n == 4 && line[0] == 'b' && line[1] == 'y' && line[2] == 'e')
			break;
	}
	number(lines);
	print(" lines\n", 7);
	call(EXIT, (void *)7, 0);
}
