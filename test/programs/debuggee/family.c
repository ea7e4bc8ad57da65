// A program that makes processes, for debuggers: a child of fork(2), one of vfork(2) that
// executes the program anew.
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"

int in_child(int n)
{
	say("child\n");
	return n + 1;
}

int in_parent(int status)
{
	say("parent\n");
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	int status;
	if (argc > 1) {
		say("executed\n");
		return 4;
	}
	if (fork() == 0)
		_exit(in_child(1));
	wait(&status);
	int first = in_parent(status);
	if (vfork() == 0) {
		execl("/proc/self/exe", "family", "again", 0);
		_exit(127);
	}
	wait(&status);
	return first + in_parent(status);
}
