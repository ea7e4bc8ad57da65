package recorded

import (
	"fmt"
	"path/filepath"
	"strings"
)

// tracings are uses of strace. Each is a shell script in an empty directory that may leave
// what it traced in the file trace; what it prints is compared too. sh is a shell that runs
// its tools without searching for them, and turns is a Go program with threads.
var tracings = []struct {
	name, script string
	tidy         tidiness
}{
	{"shell", `strace -f -o trace $sh -c '
		uname >/dev/null; x=$(echo substituted); echo $x; (exit 3); echo $?; cat /dev/null; ls /nonexistent 2>/dev/null
		read a b <<END
here document
END
		echo $b; cd /; umask 027; echo to >/tmp/file; read l </tmp/file; rm /tmp/file; trap "echo trapped" USR1; kill -USR1 $$
		sh -c "kill -9 \$\$"; echo $?; exec cat /nonexistent' 2>/dev/null`, tidiness{}},
	{"fatal", `for s in SEGV TERM QUIT; do strace -f -o trace.$s $sh -c '(kill -CONT $$; kill -'$s' $$) & wait; wait; exit 4'; echo $?; done 2>/dev/null
		cat trace.* | grep -e killed -e '--- SIG[^C]' >killed; sed 's/^[0-9]* *//' killed | sort | uniq`, tidiness{}},
	{"threads", `cp $turns turns; GODEBUG=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0 strace -f -e trace=!futex,nanosleep,sched_yield,epoll_pwait,madvise,munmap -o trace ./turns`,
		tidiness{threads: true}},
	{"itself", `strace -e signal=none -e trace=ptrace,wait4,kill,execve,exit_group -o trace strace -o /dev/null $sh -c 'echo traced; exit 5'`, tidiness{from: "PTRACE_TRACEME|PTRACE_SEIZE"}},
	{"itself and its children", `strace -f -e signal=none -e trace=ptrace,wait4,kill,execve -o trace strace -o /dev/null $sh -c 'echo traced; exit 5' 2>&1 | sed 's/[0-9][0-9]*/N/'`, tidiness{}},
	{"counts", `strace -c -o trace $sh -c 'cd /; cd /nonexistent; cd /tmp; exit 0' 2>/dev/null; strace -c -S name -U name,calls,errors -f $sh -c 'true; (true); cat /dev/null; cat /nonexistent 2>/dev/null' 2>&1`,
		tidiness{counts: true}},
	{"injection", `strace -e trace=chdir -e inject=chdir:error=ENOSPC:when=2 $sh -c 'cd / && echo 1; cd / || echo 2; cd / && echo 3' 2>&1
		strace -e signal=!chld -e trace=getppid,uname -e inject=uname:retval=7 -e inject=getppid:retval=42 $sh -c 'uname >/dev/null; echo $PPID' 2>&1
		strace -e trace=umask -e inject=umask:signal=USR1:when=1 $sh -c 'trap "echo injected" USR1; umask 022; umask 022; echo end' 2>&1
		strace -e trace=chdir -e fault=chdir $sh -c 'cd /' 2>&1; strace -e trace=umask -e inject=umask:signal=KILL $sh -c 'umask 0; echo never' 2>&1; echo $?
		strace -e trace=umask -e inject=umask:delay_enter=1000:delay_exit=1000 $sh -c 'umask 0' 2>&1
		strace -e signal=!chld -e trace=umask,getuid -e inject=umask:syscall=getuid $sh -c 'umask 0' 2>&1
		strace -e trace=chdir -e inject=chdir:error=EPERM:when=1..2+1 $sh -c 'cd /; cd /; cd /' 2>&1`, tidiness{}},
	{"stacks", `strace -k -o trace $sh -c 'exit 0' 2>&1 | head -n 2`, tidiness{}},
	{"filter", `strace -f --seccomp-bpf -e trace=chdir,umask,execve,exit_group -o trace $sh -c 'umask 0; (cd /; exit 1); /usr/bin/busybox true; cd /nonexistent' 2>&1
		strace -f --seccomp-bpf -e trace=none -e signal=none -o none $sh -c 'true; (exit 3)'; sed 's/^[0-9]* *//' none`, tidiness{}},
	{"attach", `mkfifo p; $sh -c 'read x <p; umask 0; echo $x; exit 6' & pid=$!
		strace -o trace -e trace=!poll -p $pid 2>msg & s=$!; until grep -q attached msg; do :; done
		until [ "$(awk '/^State/{print $2}' /proc/$pid/status)" = S ]; do :; done
		echo one >p; wait $pid; echo $?; wait $s; sed 's/[0-9][0-9]*/N/' msg
		mkfifo q; $sh -c 'read x <q; exit 0' & pid=$!; strace -o detached -p $pid 2>msg & s=$!; until grep -q attached msg; do :; done; kill $s; { wait $s; } 2>/dev/null
		echo go >q; wait $pid; echo $?; sed 's/[0-9][0-9]*/N/' msg`, tidiness{}},
	{"classes", `for c in %file %process %desc %signal %memory /^get %creds %%stat fchdir,chdir ; do echo "-- $c"; strace -e trace=$c -e signal=!chld $sh -c 'cd /tmp; (exit 1); read x </dev/null; trap : USR1; kill -USR1 $$' 2>&1; done`, tidiness{}},
	{"descriptors", `strace -y -e trace=%desc -o trace $sh -c 'exec 5</dev/null; read x <&5; echo text >file; cat <file >/dev/null; exec 6>>file; cd /'
		strace -yy -e signal=none -e trace=write,close,dup2,read $sh -c 'exec 5</dev/zero; exec 5<&-; echo $(echo piped)' 2>&1 >/dev/null | grep -v '^read'`, tidiness{}},
	{"times", `strace -tt -e trace=chdir $sh -c 'cd /' 2>&1; strace -ttt -e trace=chdir $sh -c 'cd /' 2>&1; strace -r -e trace=chdir $sh -c 'cd /' 2>&1
		strace -T -e trace=chdir $sh -c 'cd /' 2>&1; strace -i -n -e trace=chdir $sh -c 'cd /' 2>&1`, tidiness{digits: true}},
	{"daemon", `strace -D -f -o traced $sh -c '[ $PPID = '$$' ] && echo my own child; exit 7'; echo $?; until grep -q '+++ exited' traced; do :; done
		strace -DD -o traced2 $sh -c 'exit 8'; echo $?; until grep -q '+++ exited' traced2; do :; done; tail -n 2 traced2`, tidiness{}},
	{"choice", `strace -z -e trace=chdir,umask $sh -c 'cd /nonexistent; cd /' 2>&1; strace -Z -e trace=chdir $sh -c 'cd /nonexistent; cd /' 2>&1
		strace -e status=failed,unfinished -e trace=chdir,exit_group $sh -c 'cd /nonexistent; cd /' 2>&1; strace -P /etc $sh -c 'cd /etc; cd /; ls -d /etc >/dev/null' 2>&1
		strace -e trace=none -e signal=USR2 $sh -c 'trap : USR1 USR2; kill -USR1 $$; kill -USR2 $$' 2>&1; strace -q -q -e trace=none $sh -c 'exit 3'; echo $?
		strace -e trace=write -e write=1 -s 5 $sh -c 'echo 0123456789' 2>&1; strace -xx -e trace=chdir $sh -c 'cd /' 2>&1; strace -X raw -e trace=openat $sh -c 'read x </dev/null' 2>&1
		strace -b execve -f -e trace=chdir,execve $sh -c 'cd /; exec cat /dev/null' 2>&1; strace -E A=b -E HOME $sh -c 'echo $A ${HOME-unset}' 2>/dev/null
		strace -o '|cat >piped' -e trace=chdir $sh -c 'cd /'; cat piped; strace -A -o both -e trace=chdir $sh -c 'cd /'; strace -A -o both -e trace=chdir $sh -c 'cd /tmp'; cat both
		strace /nonexistent 2>&1; echo $?; strace -e trace=nosuchcall true 2>&1; echo $?; strace -p 4194303 2>&1; echo $?`, tidiness{}},
}

// TraceScript runs every tracing and prints, for each, what it left.
func TraceScript(turns string) string {
	var b strings.Builder
	// No descriptors but the first three.
	b.WriteString("exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- 10>&- 11>&- 12>&-\n")
	b.WriteString("sh='/usr/bin/busybox sh' turns=" + turns + "\n")
	for _, c := range tracings {
		fmt.Fprintf(&b, "rm -rf /tmp/tracing; mkdir /tmp/tracing && cd /tmp/tracing\n(%s\n) </dev/null 2>&1\n[ -e trace ] && { echo; echo '-- trace'; cat trace; }\ncd /; rm -r /tmp/tracing; echo '%s'\n", c.script, Boundary)
	}
	return b.String()
}

// Boundary separates what several programs of one run print.
const Boundary = "==== next"

// Traces cuts what the script of TraceScript printed into the tracings: file of the recorded text, and
// what of the new one is compared. An error if the script did not come to its end.
func Traces(out string) ([]Text, error) {
	parts := strings.Split(out, Boundary+"\n")
	if len(parts) != len(tracings)+1 {
		return nil, fmt.Errorf("%d parts of %d: %q", len(parts), len(tracings)+1, out)
	}
	var list []Text
	for i, c := range tracings {
		list = append(list, Text{c.name, filepath.Join("strace", strings.ReplaceAll(c.name, " ", "-")+".want"), c.tidy.tidy(parts[i])})
	}
	return list, nil
}
