// Sysv uses System V IPC (sysvipc(7)) in every way and prints what each call gave. Its output is the
// same on every Linux: numbers that depend on the machine are not in it.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

static const char *name(int e)
{
	static const struct { int e; const char *name; } all[] = {
		{ EPERM, "EPERM" }, { ENOENT, "ENOENT" }, { EINTR, "EINTR" }, { E2BIG, "E2BIG" }, { EAGAIN, "EAGAIN" }, { ENOMEM, "ENOMEM" },
		{ EACCES, "EACCES" }, { EFAULT, "EFAULT" }, { EEXIST, "EEXIST" }, { EINVAL, "EINVAL" }, { EFBIG, "EFBIG" },
		{ ENOSPC, "ENOSPC" }, { ERANGE, "ERANGE" }, { ENOSYS, "ENOSYS" }, { ENOMSG, "ENOMSG" }, { EIDRM, "EIDRM" },
	};
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].e == e)
			return all[i].name;
	return "another errno";
}

static const char *says(long r)
{
	static char text[4][64];
	static int next;
	char *t = text[next++ & 3];
	if (r == -1)
		snprintf(t, 64, "%s", name(errno));
	else
		snprintf(t, 64, "%ld", r);
	return t;
}

// IS prints what a call gave, OK only whether it worked.
#define IS(call) printf("%s: %s\n", #call, says((long)(call)))
#define OK(call) ({ long r_ = (long)(call); printf("%s: %s\n", #call, r_ == -1 ? name(errno) : "ok"); r_; })

static void wait_for(pid_t pid)
{
	int status;
	waitpid(pid, &status, 0);
	if (status)
		printf("child: status %#x\n", status);
}

static pid_t child(void)
{
	fflush(stdout);
	pid_t pid = fork();
	return pid;
}

#define CHILD(...) do { pid_t p_ = child(); if (p_ == 0) { __VA_ARGS__; fflush(stdout); _exit(0); } wait_for(p_); } while (0)

static struct shmid_ds shm(int id)
{
	struct shmid_ds d;
	memset(&d, 0, sizeof d);
	if (shmctl(id, IPC_STAT, &d) < 0)
		printf("IPC_STAT: %s\n", name(errno));
	return d;
}

static const char *who(pid_t pid)
{
	return pid == getpid() ? "me" : pid == 0 ? "nobody" : "another";
}

static void show_shm(int id)
{
	struct shmid_ds d = shm(id);
	printf("segment: %zu bytes, mode %o, attached %lu, last %s, attach %d detach %d change %d\n", d.shm_segsz, d.shm_perm.mode,
	       (unsigned long)d.shm_nattch, who(d.shm_lpid), d.shm_atime != 0, d.shm_dtime != 0, d.shm_ctime != 0);
}

// line finds the line of /proc/self/maps about an address.
static void mapped(void *at, int id)
{
	char line[512], want[32];
	FILE *f = fopen("/proc/self/maps", "r");
	snprintf(want, sizeof want, "%lx-", (unsigned long)at);
	while (fgets(line, sizeof line, f))
		if (!strncmp(line, want, strlen(want))) {
			unsigned long start, end, offset, inode;
			char access[8], name[256] = "";
			sscanf(line, "%lx-%lx %7s %lx %*s %lu %255[^\n]", &start, &end, access, &offset, &inode, name);
			printf("mapped: %lu bytes %s from %lu, inode %s%s\n", end - start, access, offset, inode == (unsigned long)id ? "the identifier" : "another", name);
			fclose(f);
			return;
		}
	printf("not mapped\n");
	fclose(f);
}

static void memory(void)
{
	const key_t key = 0x53544152;
	IS(shmget(key, 4096, 0600));
	IS(shmget(key, 0, IPC_CREAT | 0600));
	IS(shmget(key, (size_t)-1, IPC_CREAT | 0600));
	int id = shmget(key, 10000, IPC_CREAT | 0640);
	IS(shmget(key, 10000, IPC_CREAT | IPC_EXCL | 0600));
	IS(shmget(key, 10001, 0));
	IS(shmget(key, 1, 0) == id);
	show_shm(id);
	char *a = shmat(id, 0, 0);
	mapped(a, id);
	strcpy(a, "hello");
	char *b = shmat(id, 0, SHM_RDONLY);
	mapped(b, id);
	printf("%s\n", b);
	IS(mprotect(b, 4096, PROT_READ | PROT_WRITE));
	IS(mprotect(a, 4096, PROT_READ));
	show_shm(id);
	IS(mprotect(a, 4096, PROT_READ | PROT_WRITE));
	show_shm(id);
	IS(munmap(a + 4096, 4096));
	show_shm(id);
	IS(shmat(id, a, 0));
	IS(shmat(id, a + 1, 0));
	IS(shmat(id, 0, SHM_REMAP));
	IS(shmat(id, a + 1, SHM_RND | SHM_REMAP) == a);
	show_shm(id);
	IS(shmat(-1, 0, 0));
	IS(shmat(id + 1, 0, 0));
	IS(shmdt(a + 1));
	IS(shmdt(a + 4096));
	IS(shmdt(a));
	show_shm(id);
	IS(shmdt(a));
	CHILD(show_shm(id); strcpy(shmat(id, 0, 0), "child"); show_shm(id));
	show_shm(id);
	printf("%s\n", b);
	pid_t p = child();
	if (p == 0) {
		execl("/proc/self/exe", "sysv", "nothing", NULL);
		_exit(1);
	}
	wait_for(p);
	show_shm(id);
	char *moved = mremap(b, 12288, 12288, MREMAP_MAYMOVE | MREMAP_FIXED, mmap(0, 12288, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	printf("%s\n", moved);
	show_shm(id);
	IS(shmdt(b));
	struct shmid_ds d = shm(id);
	d.shm_perm.mode = 0777600;
	IS(shmctl(id, IPC_SET, &d));
	show_shm(id);
	IS(shmctl(id, SHM_LOCK, 0));
	show_shm(id);
	IS(shmctl(id, SHM_UNLOCK, 0));
	IS(shmctl(id, IPC_STAT, 0));
	IS(shmctl(id, IPC_SET, 0));
	IS(shmctl(id, 77, 0));
	IS(shmctl(-1, IPC_STAT, &d));
	IS(shmctl(id, -1, &d));
	CHILD(setresuid(1000, 1000, 1000); IS(shmat(id, 0, 0)); IS(shmget(key, 0, 0600)); IS(shmget(key, 0, 0) == id);
	      IS(shmctl(id, IPC_STAT, &d)); IS(shmctl(id, IPC_RMID, 0)); IS(shmctl(id, SHM_LOCK, 0)));
	IS(shmctl(id, IPC_RMID, 0));
	show_shm(id);
	IS(shmget(key, 1, 0));
	IS(shmctl(id, IPC_RMID, 0));
	char *again = shmat(id, 0, 0);
	printf("%s\n", again);
	IS(shmdt(again));
	show_shm(id);
	IS(shmdt(moved));
	IS(shmctl(id, IPC_STAT, &d));
	IS(shmctl(id, IPC_RMID, 0));
	CHILD(int n = shmget(IPC_PRIVATE, 5, 0700); char *x = shmat(n, 0, SHM_EXEC); IS(x[4095]); IS(shmctl(n, IPC_RMID, 0)); show_shm(n));
	struct shminfo info;
	OK(shmctl(0, IPC_INFO, (void *)&info));
	printf("shmmax %lu shmmin %lu shmmni %lu shmseg %lu shmall %lu\n", info.shmmax, info.shmmin, info.shmmni, info.shmseg, info.shmall);
}

static int values(int id, const char *what)
{
	unsigned short v[8];
	union { unsigned short *a; } arg = { v };
	int n = semctl(id, 0, GETALL, arg);
	if (n < 0)
		return printf("%s: %s\n", what, name(errno));
	struct semid_ds d;
	semctl(id, 0, IPC_STAT, &d);
	printf("%s:", what);
	for (unsigned i = 0; i < d.sem_nsems; i++)
		printf(" %d(%s,%d,%d)", v[i], who(semctl(id, i, GETPID)), semctl(id, i, GETNCNT), semctl(id, i, GETZCNT));
	return printf(" otime %d\n", d.sem_otime != 0);
}

#define OP(...) ({ struct sembuf o_[] = { __VA_ARGS__ }; semop(id, o_, sizeof o_ / sizeof *o_); })
#define TIMED(ns, ...) ({ struct sembuf o_[] = { __VA_ARGS__ }; struct timespec t_ = { 0, ns }; semtimedop(id, o_, sizeof o_ / sizeof *o_, &t_); })

static void nothing(int sig) { (void)sig; }

static void until(int id, int number, int command, int n)
{
	for (int i = 0; semctl(id, number, command) != n; i++) {
		if (i == 5000) {
			printf("they never came to wait\n");
			exit(1);
		}
		usleep(1000);
	}
}

static void semaphores(void)
{
	const key_t key = 0x53544153;
	IS(semget(key, 3, 0600));
	IS(semget(key, 0, IPC_CREAT | 0600));
	IS(semget(key, -1, IPC_CREAT | 0600));
	IS(semget(key, 32001, IPC_CREAT | 0600));
	int id = semget(key, 3, IPC_CREAT | 0600);
	IS(semget(key, 4, 0));
	IS(semget(key, 3, 0) == id);
	values(id, "new");
	IS(OP({ 0, 2, 0 }, { 1, 1, 0 }, { 2, 0, 0 }));
	values(id, "up");
	IS(OP({ 0, -1, 0 }, { 1, -2, IPC_NOWAIT }));
	IS(OP({ 0, -1, 0 }, { 1, 0, IPC_NOWAIT }));
	IS(OP({ 0, 32767, 0 }));
	IS(OP({ 3, 1, 0 }));
	IS(semop(id, 0, 0));
	IS(semop(id, 0, 501));
	IS(semop(id, (void *)8, 1));
	IS(semop(-1, (void *)8, 1));
	IS(semop(id + 1, (void *)8, 1));
	IS(OP({ 0, -2, 0 }, { 0, 1, 0 }, { 0, -1, 0 }));
	values(id, "down");
	IS(TIMED(1000000, { 0, -1, 0 }));
	IS(TIMED(1000000, { 1, 0, 0 }));
	IS(TIMED(-1, { 1, 0, 0 }));
	union { unsigned short *a; int v; struct semid_ds *d; } arg;
	arg.v = 5;
	IS(semctl(id, 0, SETVAL, arg));
	arg.v = -1;
	IS(semctl(id, 0, SETVAL, arg));
	arg.v = 32768;
	IS(semctl(id, 0, SETVAL, arg));
	arg.v = 1;
	IS(semctl(id, 3, SETVAL, arg));
	IS(semctl(id, 3, GETVAL));
	IS(semctl(id, -1, GETPID));
	IS(semctl(id, 0, 99));
	arg.a = (unsigned short[]){ 1, 40000, 3 };
	IS(semctl(id, 0, SETALL, arg));
	arg.a = (unsigned short[]){ 1, 2, 3 };
	IS(semctl(id, 0, SETALL, arg));
	values(id, "set");
	// Two wait, in turn, for the same.
	int out[2];
	pipe(out);
	pid_t p[3];
	for (int i = 0; i < 3; i++) {
		if ((p[i] = child()) == 0) {
			if (i < 2)
				OP({ 1, 0, 0 }, { 0, -2 - i, 0 });
			else
				OP({ 2, 0, 0 });
			dprintf(out[1], "%d ", i);
			_exit(0);
		}
		until(id, i < 2 ? 1 : 2, GETZCNT, i < 2 ? i + 1 : 1);
	}
	values(id, "three wait");
	IS(OP({ 1, -2, 0 }));
	until(id, 0, GETNCNT, 2);
	values(id, "two wait for more");
	IS(OP({ 0, 1, 0 }));
	wait_for(p[0]);
	until(id, 0, GETNCNT, 1);
	IS(OP({ 0, 5, 0 }));
	wait_for(p[1]);
	IS(OP({ 2, -3, 0 }));
	wait_for(p[2]);
	char buf[64] = "";
	read(out[0], buf, sizeof buf);
	printf("order: %s\n", buf);
	values(id, "after");
	// Undoing.
	CHILD(OP({ 0, -2, SEM_UNDO }, { 1, 3, SEM_UNDO }); values(id, "in the child"));
	values(id, "undone");
	CHILD(OP({ 0, -2, SEM_UNDO }); CHILD(OP({ 0, 1, SEM_UNDO }); values(id, "the child's child")); values(id, "in the child"));
	values(id, "undone");
	CHILD(OP({ 0, -2, SEM_UNDO }); semctl(id, 0, SETVAL, (union { int v; }){ 7 }));
	values(id, "SETVAL forgets");
	CHILD(OP({ 0, 2, SEM_UNDO }); OP({ 0, -8, 0 }));
	values(id, "not below zero");
	CHILD(OP({ 0, 2, SEM_UNDO }); unshare(CLONE_SYSVSEM); values(id, "unshared"));
	pid_t k = child();
	if (k == 0) {
		OP({ 0, 4, SEM_UNDO }, { 1, -1, SEM_UNDO });
		execl("/proc/self/exe", "sysv", "wait", NULL);
	}
	until(id, 1, GETVAL, 0);
	until(id, 1, GETVAL, 0);
	kill(k, SIGKILL);
	waitpid(k, 0, 0);
	values(id, "killed after exec");
	// Interrupted, and removed meanwhile.
	k = child();
	if (k == 0) {
		sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = nothing, .sa_flags = SA_RESTART }, 0);
		IS(OP({ 0, -9, 0 }));
		signal(SIGUSR1, SIG_IGN);
		OP({ 2, 9, 0 });
		IS(OP({ 0, -9, 0 }));
		exit(0);
	}
	until(id, 0, GETNCNT, 1);
	kill(k, SIGUSR1);
	until(id, 2, GETVAL, 9);
	until(id, 0, GETNCNT, 1);
	CHILD(setresuid(1000, 1000, 1000); IS(OP({ 0, 1, 0 })); IS(semctl(id, 0, GETVAL)); IS(semctl(id, 0, IPC_RMID)); IS(semget(key, 1, 0) == id); IS(semget(key, 1, 0400)));
	int removed = semctl(id, 0, IPC_RMID);
	wait_for(k);
	IS(removed);
	IS(semctl(id, 0, IPC_RMID));
	struct seminfo info;
	OK(semctl(0, 0, IPC_INFO, &info));
	printf("semmsl %d semopm %d semvmx %d semaem %d\n", info.semmsl, info.semopm, info.semvmx, info.semaem);
}

struct message { long type; char text[9000]; };

static ssize_t send(int id, long type, const char *text, int flags)
{
	struct message m = { type, "" };
	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), flags);
}

static void receive(int id, size_t size, long type, int flags)
{
	struct message m = { 0, "" };
	ssize_t n = msgrcv(id, &m, size, type, flags);
	printf("receive(%zu, %ld, %#x): %s %ld %.*s\n", size, type, flags, says(n), m.type, n < 0 ? 0 : (int)n, m.text);
}

static void show_queue(int id)
{
	struct msqid_ds d;
	if (msgctl(id, IPC_STAT, &d) < 0) {
		printf("queue: %s\n", name(errno));
		return;
	}
	printf("queue: %lu messages, %lu bytes of %lu, mode %o, sent by %s, received by %s, times %d %d %d\n", d.msg_qnum, d.__msg_cbytes, d.msg_qbytes,
	       d.msg_perm.mode, who(d.msg_lspid), who(d.msg_lrpid), d.msg_stime != 0, d.msg_rtime != 0, d.msg_ctime != 0);
}

static void queues(void)
{
	const key_t key = 0x53544154;
	IS(msgget(key, 0600));
	int id = msgget(key, IPC_CREAT | 0600);
	IS(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
	IS(msgget(key, 0) == id);
	show_queue(id);
	IS(send(id, 3, "three", 0));
	IS(send(id, 1, "one", 0));
	IS(send(id, 2, "two", 0));
	IS(send(id, 1, "another one", 0));
	IS(send(id, 0, "zero", 0));
	IS(send(id, -1, "less", 0));
	IS(msgsnd(id, (void *)8, 1, 0));
	IS(msgsnd(id, &(struct message){ 1, "" }, 8193, 0));
	IS(msgsnd(-1, &(struct message){ 1, "" }, 1, 0));
	IS(msgsnd(id + 1, &(struct message){ 1, "" }, 1, 0));
	show_queue(id);
	receive(id, 100, 2, MSG_COPY | IPC_NOWAIT);
	receive(id, 100, 9, MSG_COPY | IPC_NOWAIT);
	receive(id, 100, 0, MSG_COPY);
	receive(id, 100, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT);
	receive(id, 2, 0, 0);
	receive(id, 100, -2, 0);
	receive(id, 3, -2, MSG_NOERROR);
	receive(id, 100, 3, MSG_EXCEPT);
	receive(id, 100, 7, IPC_NOWAIT);
	receive(id, 100, 0, 0);
	receive(id, 100, 0, IPC_NOWAIT);
	receive(id, (size_t)-1, 0, IPC_NOWAIT);
	IS(send(id, 5, "lost", 0));
	IS(msgrcv(id, (void *)8, 100, 0, 0));
	show_queue(id);
	// A sender waits for room, a receiver for a message.
	struct msqid_ds d;
	msgctl(id, IPC_STAT, &d);
	d.msg_qbytes = 10;
	IS(msgctl(id, IPC_SET, &d));
	IS(send(id, 1, "0123456789", 0));
	IS(send(id, 1, "", 0));
	IS(send(id, 1, "x", IPC_NOWAIT));
	pid_t k = child();
	if (k == 0) {
		send(id, 2, "xyz", 0);
		exit(0);
	}
	usleep(20000);
	receive(id, 100, 0, 0);
	wait_for(k);
	receive(id, 100, 2, 0);
	receive(id, 100, 1, 0);
	d.msg_qbytes = 100;
	IS(msgctl(id, IPC_SET, &d));
	k = child();
	if (k == 0) {
		receive(id, 100, 4, 0);
		receive(id, 2, 0, 0);
		sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = nothing, .sa_flags = SA_RESTART }, 0);
		send(id, 8, "ready", 0);
		receive(id, 100, 9, 0);
		signal(SIGUSR1, SIG_IGN);
		send(id, 10, "", 0);
		receive(id, 100, 9, 0);
		exit(0);
	}
	usleep(20000);
	IS(send(id, 3, "not for it", 0));
	receive(id, 100, 3, 0);
	send(id, 4, "for it", 0);
	usleep(20000);
	send(id, 6, "too long", 0);
	receive(id, 100, 8, 0);
	struct message none;
	do {
		kill(k, SIGUSR1);
		usleep(1000);
	} while (msgrcv(id, &none, 0, 10, IPC_NOWAIT) < 0);
	CHILD(setresuid(1000, 1000, 1000); IS(send(id, 1, "x", 0)); receive(id, 1, 0, 0); IS(msgctl(id, IPC_RMID, 0)); d.msg_qbytes = 20000; IS(msgctl(id, IPC_SET, &d)));
	int removed = msgctl(id, IPC_RMID, 0);
	wait_for(k);
	IS(removed);
	IS(msgctl(id, IPC_RMID, 0));
	IS(msgctl(id, 99, 0));
	struct msginfo info;
	OK(msgctl(0, IPC_INFO, (void *)&info));
	printf("msgmax %d msgmnb %d msgmap %d msgssz %d msgtql %d msgseg %d\n", info.msgmax, info.msgmnb, info.msgmap, info.msgssz, info.msgtql, info.msgseg);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc > 1)
		for (;;)
			pause();
	memory();
	semaphores();
	queues();
	return 0;
}
