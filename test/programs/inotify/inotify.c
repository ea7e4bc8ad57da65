// Inotify watches files and prints what it is told (inotify(7)). Its output is the same on every Linux.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int q;

static const char *name(int e)
{
	switch (e) {
	case EAGAIN: return "EAGAIN";
	case EINVAL: return "EINVAL";
	case EBADF: return "EBADF";
	case EEXIST: return "EEXIST";
	case ENOENT: return "ENOENT";
	case ENOTDIR: return "ENOTDIR";
	case EACCES: return "EACCES";
	case EFAULT: return "EFAULT";
	case ENOSYS: return "ENOSYS";
	}
	return "another errno";
}

static void is(const char *what, long r)
{
	if (r < 0)
		printf("%s: %s\n", what, name(errno));
	else
		printf("%s: %ld\n", what, r);
}

#define IS(call) is(#call, (long)(call))

static void show(const char *what)
{
	char b[8192];
	int cookie = 0, waiting;
	struct pollfd p = { q, POLLIN | POLLOUT, 0 };
	poll(&p, 1, 0);
	ioctl(q, FIONREAD, &waiting);
	int n = read(q, b, sizeof b);
	printf("%s: events %#x, %d bytes\n", what, p.revents, waiting);
	for (char *at = b; at < b + n;) {
		struct inotify_event *e = (void *)at;
		const char *pair = !e->cookie ? "" : e->cookie == cookie ? " the same move" : " a move";
		printf("  %d: %#x %s%s\n", e->wd, e->mask, e->len ? e->name : "", pair);
		cookie = e->cookie;
		at += sizeof *e + e->len;
	}
}

// AFTER does something and shows what was told of it.
#define AFTER(does) do { does; show(#does); } while (0)

static void calls(void)
{
	IS(inotify_init1(1));
	int other = inotify_init1(IN_CLOEXEC);
	printf("%d %d\n", fcntl(other, F_GETFD), fcntl(other, F_GETFL));
	close(other);
	IS(inotify_add_watch(q, ".", 0));
	IS(inotify_add_watch(99, ".", 0));
	IS(inotify_add_watch(99, ".", IN_OPEN));
	IS(inotify_add_watch(0, ".", IN_OPEN));
	IS(inotify_add_watch(q, "nothing", IN_OPEN));
	IS(inotify_add_watch(q, (char *)8, IN_OPEN));
	IS(inotify_add_watch(q, "f", IN_OPEN | IN_ONLYDIR));
	IS(inotify_add_watch(q, "f", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
	IS(inotify_add_watch(q, "f", IN_OPEN));
	IS(inotify_add_watch(q, "f", IN_OPEN | IN_MASK_CREATE));
	IS(inotify_add_watch(q, "f", IN_CLOSE | IN_MASK_ADD));
	AFTER(close(open("f", O_RDONLY)));
	IS(inotify_add_watch(q, "f", IN_CLOSE_NOWRITE));
	AFTER(close(open("f", O_RDONLY)));
	IS(inotify_add_watch(q, "d", IN_OPEN | IN_ONESHOT));
	AFTER(close(open("d", O_RDONLY)));
	AFTER(close(open("d", O_RDONLY)));
	IS(inotify_rm_watch(q, 1));
	show("removed");
	IS(inotify_rm_watch(q, 1));
	IS(inotify_rm_watch(0, 1));
	IS(inotify_rm_watch(99, 1));
	char b[64];
	IS(read(q, b, 64));
	IS(inotify_add_watch(q, ".", IN_OPEN));
	close(open("f", O_RDONLY));
	close(open("f", O_RDONLY));
	IS(read(q, b, 31));
	IS(read(q, (char *)8, 64));
	IS(read(q, b, 64));
	symlink("d", "s");
	IS(inotify_add_watch(q, "s", IN_OPEN | IN_ONLYDIR | IN_DONT_FOLLOW));
	IS(inotify_add_watch(q, "s", IN_ATTRIB | IN_DONT_FOLLOW));
	AFTER(lchown("s", 0, 0));
	AFTER(unlink("s"));
	IS(inotify_add_watch(q, "g", IN_ALL_EVENTS));
}

static void files(void)
{
	int f;
	char c;
	IS(inotify_add_watch(q, ".", IN_ALL_EVENTS));
	IS(inotify_add_watch(q, "f", IN_ALL_EVENTS));
	IS(inotify_add_watch(q, "d", IN_ALL_EVENTS));
	AFTER(f = open("f", O_RDWR));
	AFTER(write(f, "abc", 3));
	AFTER(pwrite(f, "abc", 3, 9));
	AFTER(read(f, &c, 0));
	AFTER(pread(f, &c, 1, 0));
	AFTER(ftruncate(f, 1));
	AFTER(fchmod(f, 0600));
	AFTER(fchown(f, 0, 0));
	AFTER(futimens(f, NULL));
	AFTER(futimens(f, ((struct timespec[]){ { 1, 0 }, { 0, UTIME_OMIT } })));
	AFTER(futimens(f, ((struct timespec[]){ { 0, UTIME_OMIT }, { 1, 0 } })));
	AFTER(posix_fallocate(f, 0, 100));
	AFTER(close(f));
	AFTER(truncate("f", 2));
	AFTER(chmod("d", 0700));
	AFTER(f = open("new", O_CREAT | O_WRONLY, 0644));
	AFTER(close(f));
	AFTER(close(open("new", O_PATH)));
	AFTER(link("f", "l"));
	AFTER(symlink("f", "s"));
	AFTER(mknod("p", S_IFIFO | 0600, 0));
	AFTER(mkdir("d/e", 0755));
	AFTER(rename("new", "d/moved"));
	AFTER(rename("d/moved", "l"));
	AFTER(rename("d/e", "x"));
	AFTER(rename("d", "y"));
	AFTER(syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "l", 2));
	AFTER(syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "l", 2));
	AFTER(unlink("l"));
	AFTER(f = open("f", O_RDONLY));
	AFTER(unlink("f"));
	AFTER(read(f, &c, 1));
	AFTER(close(f));
	AFTER(rmdir("y"));
	AFTER(rmdir("x"));
	close(open("g", O_CREAT | O_RDWR, 0644));
	IS(inotify_add_watch(q, "g", IN_ALL_EVENTS));
	close(open("h", O_CREAT | O_RDWR, 0644));
	show("two files");
	AFTER(rename("h", "g"));
	AFTER(unlink("g"));
	AFTER(unlink("s"));
	AFTER(unlink("p"));
	AFTER(unlink("p"));
}

static void others(void)
{
	// Two instances, one of which is inherited; a reader that waits.
	int two = inotify_init1(0);
	inotify_add_watch(two, ".", IN_CREATE | IN_DELETE);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		struct { struct inotify_event e; char name[16]; } e;
		printf("%zd", read(two, &e, sizeof e));
		printf(" %#x %s\n", e.e.mask, e.name);
		exit(0);
	}
	usleep(20000);
	close(open("told", O_CREAT | O_WRONLY, 0600));
	waitpid(child, NULL, 0);
	show("both");
	close(two);
	unlink("told");
	show("one");
	// Unlinked names that nobody wants to hear of.
	int f = open("gone", O_CREAT | O_RDWR, 0600);
	unlink("gone");
	show("unlinked");
	IS(inotify_add_watch(q, ".", IN_ALL_EVENTS | IN_EXCL_UNLINK));
	AFTER(write(f, "x", 1));
	IS(inotify_add_watch(q, ".", IN_ALL_EVENTS));
	AFTER(write(f, "x", 1));
	close(f);
	show("closed");
	IS(inotify_add_watch(q, "/proc/self/status", IN_ALL_EVENTS) > 0);
	// More than the queue takes.
	for (int i = 0; i < 9000; i++) {
		close(open("many", O_CREAT | O_RDWR, 0600));
		unlink("many");
	}
	long n = 0, lost = 0;
	char b[4096];
	for (ssize_t got; (got = read(q, b, sizeof b)) > 0;)
		for (char *at = b; at < b + got; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len) {
			n++;
			if (((struct inotify_event *)at)->mask & IN_Q_OVERFLOW)
				lost += ((struct inotify_event *)at)->wd;
		}
	printf("%ld events, overflow %ld\n", n, lost);
}

int main(void)
{
	char dir[] = "/tmp/inotifyXXXXXX";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	mkdir("d", 0755);
	close(open("f", O_CREAT | O_RDWR, 0644));
	q = inotify_init1(IN_NONBLOCK);
	calls();
	close(q);
	q = inotify_init1(IN_NONBLOCK);
	files();
	others();
	chdir("/");
	AFTER(rmdir(dir));
	return 0;
}
