package system

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scripts give the same output and status on Linux and under Starling.
var scripts = []struct{ name, stdin, script string }{
	{"echo", "", "echo hello, world"},
	{"status", "", "exit 7"},
	{"false", "", "false"},
	{"sum of a sequence", "", `for i in $(seq 100); do echo $i; done | awk '{s+=$1} END {print s}'`},
	{"sort and uniq", "", "for w in b a c a b a; do echo $w; done | sort | uniq -c | sort -rn"},
	{"standard input", "one\ntwo\nthree\n", "cat; wc -l </dev/null"},
	{"empty standard input", "", "wc -c"},
	{"standard error", "", "echo out; echo err >&2"},
	{"here document", "", "cat <<END\nline $((1+2))\nEND"},
	{"command substitution", "", `echo "$(echo $(echo nested))"`},
	{"background and wait", "", "sleep 0.1 & wait $!; echo $?"},
	{"kill a job", "", "sleep 100 & kill $!; wait $! 2>/dev/null; echo $?"},
	{"trap", "", "trap 'echo got it' USR1; kill -USR1 $$; echo after"},
	{"exit trap", "", "trap 'echo bye' EXIT; exit 3"},
	{"pipe of three", "", "seq 1000 | grep 7 | tail -3"},
	{"broken pipe", "", "yes | head -2"},
	{"redirection", "", "echo a >f; echo b >>f; cat f; rm f; cat f || echo gone"},
	{"symbolic links", "", "ln -s /etc/passwd l; readlink l; [ -L l ] && echo link"},
	{"hard links", "", "echo x >a; ln a b; stat -c %h a; rm a; cat b"},
	{"directories", "", "mkdir -p a/b/c; touch a/b/c/d; find a | sort; rm -r a; ls"},
	{"rename", "", "echo 1 >a; mv a b; ls; cat b"},
	{"permissions", "", "umask 027; touch f; mkdir d; stat -c '%a %n' f d; chmod 4711 f; stat -c %a f"},
	{"test files", "", "touch f; for o in -e -f -d -s -x; do [ $o f ] && echo yes $o || echo no $o; done"},
	{"numbers", "", "expr 6 \\* 7; echo $((0x10 + 010)); printf '%05d %x\\n' 42 255"},
	{"sed", "a b c\n", "sed 's/b/B/; s/$/!/'"},
	{"tar, gzip and md5sum of a tree", "", `mkdir -p t/s; seq 5000 >t/a; seq 100 | gzip >t/s/b.gz; ln -s a t/l; ln t/a t/h
		tar cf x.tar t && gzip x.tar && mkdir u && cd u && tar xzf ../x.tar.gz && find . -type f | sort | xargs md5sum; readlink t/l; stat -c %h t/a`},
	{"large pipe", "", "seq 200000 | md5sum"},
	{"large file", "", "dd if=/dev/zero of=f bs=64k count=160 2>/dev/null; wc -c <f; md5sum <f"},
	{"many processes", "", "i=0; while [ $i -lt 50 ]; do (exit $((i % 3))) || echo -n $?; i=$((i+1)); done; echo"},
	{"named pipe", "", "mkfifo p; echo through >p & cat p; wait"},
	{"time out", "", "timeout 0.2 sleep 10; echo $?"},
	{"environment", "", "A=1 B='two words' env | grep '^[AB]=' | sort"},
	{"working directory", "", "mkdir d; cd d; basename $(pwd); cd ..; [ -d d ] && echo back"},
	{"descriptors", "", "exec 3>f; echo three >&3; exec 3>&-; cat f; cat <&9 2>/dev/null || echo closed"},
	{"signal status", "", "sh -c 'kill -SEGV $$'; echo $?; sh -c 'kill -9 $$'; echo $?"},
	{"not found", "", "no-such-program-anywhere 2>/dev/null; echo $?; /etc/passwd 2>/dev/null; echo $?"},
	{"xargs", "", "seq 20 | xargs -n 7 echo"},
	{"cut, tr and paste", "a:b:c\nd:e:f\n", "cut -d: -f2 | tr a-z A-Z | paste -s -d+"},
	{"vi", "", "printf 'one\\ntwo\\n' >f; printf ':1s/one/1/\\r:wq\\r' | vi f >/dev/null 2>&1; cat f"},
}

func TestScripts(t *testing.T) {
	for _, c := range scripts {
		t.Run(c.name, func(t *testing.T) {
			want := host(t, c.stdin, c.script)
			got := guest(t, c.stdin, "--cwd", "/tmp", "--", "sh", "-c", c.script)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
