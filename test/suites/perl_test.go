//go:build suites

package suites

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// perlTests are those of perl's own tests that stand nearest to the system, as patterns of the shell in perl's source.
var perlTests = []string{"t/io/*.t", "t/op/{alarm,chdir,die_exit,exec,fh,filetest,filetest_t,fork,getpid,getppid,glob,groups,kill0,lfs,magic,mkdir," +
	"readdir,readline,select,setpgrpstack,sigdispatch,sigsystem,sleep,sselect,stat,stat_errors,sysio,threads,threads-dirh,time,unlink,waitpid}.t",
	"dist/threads/t/*.t", "dist/threads-shared/t/*.t", "dist/Thread-Queue/t/*.t", "dist/Thread-Semaphore/t/*.t", "dist/IO/t/*.t", "dist/Time-HiRes/t/*.t",
	"ext/POSIX/t/*.t", "ext/IPC-Open3/t/*.t", "cpan/IPC-SysV/t/*.t", "cpan/IPC-Cmd/t/*.t", "cpan/Socket/t/*.t", "cpan/File-Temp/t/*.t",
	"ext/File-Glob/t/*.t", "ext/File-Find/t/*.t", "ext/SDBM_File/t/*.t", "lib/File/*.t"}

// perlDeviations are the results that differ, with the reason.
var perlDeviations = []deviation{
	{test: "cpan/Socket/t/Socket.t: *", why: noInternet},
	{test: "dist/IO/t/cachepropagate-tcp.t*", why: noInternet},
	{test: "dist/IO/t/cachepropagate-udp.t*", why: noInternet},
	{test: "dist/IO/t/io_multihomed.t*", why: noInternet},
	{test: "dist/IO/t/io_sel.t: *", why: noInternet},
	{test: "dist/IO/t/io_sock.t*", why: noInternet},
	{test: "dist/IO/t/io_sock_errstr.t*", why: noInternet},
	{test: "dist/IO/t/io_udp.t*", why: noInternet},
}

// perlScript runs the tests one after the other, where perl's own makefile does: in t, or in the folder of the module. The modules that come with
// the interpreter are where the tests look for them.
const perlScript = `mkdir -p /perl/lib
cp -rs /usr/share/perl/5.36.0/* /usr/lib/x86_64-linux-gnu/perl/5.36.0/* /perl/lib/ 2>/dev/null
ln -s /usr/bin/perl /perl/perl; ln -s /usr/bin/perl /perl/t/perl
export PERL_CORE=1 LC_ALL=C TERM=dumb HOME=/root
cd /perl
bash -O nullglob -c 'printf "%s\n" ` + "$PERL_TESTS" + `' >/list
while read t; do
echo "### $t"
case $t in t/*) cd /perl/t; file=${t#t/};; lib/*) cd /perl/t; file=../$t;; *) cd /perl/${t%%/t/*}; file=t/${t#*/t/};; esac
timeout -s KILL 300 perl -I/perl/lib $file </dev/null >/tmp/output 2>&1
code=$?
sed 's/^/| /' /tmp/output | grep '^| *\(not \)\?ok \|^| *1\.\.0' | head -n 3000
echo "=== $t exit $code"
done </list
echo "` + finished + `"
`

// TestPerl runs perl's own tests (Debian's source package) with Debian's perl.
func TestPerl(t *testing.T) {
	src, err := Source("perl")
	if err != nil {
		t.Fatal(err)
	}
	root := busyboxTree(t)
	if err := debian(t).Add(root, []string{"perl", "bash", "coreutils", "procps"}); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"t", "lib", "dist", "ext", "cpan"} {
		addFolder(t, root, filepath.Join(src, dir), filepath.Join("/perl", dir))
	}
	add(t, root.File("/perl/run.sh", 0o755, []byte(strings.Replace(perlScript, "$PERL_TESTS", strings.Join(perlTests, " "), 1))))
	g := &guest{root: root, script: "/perl/run.sh", memory: 1500 << 20, limit: time.Hour}
	got := perlVerdicts(g.starling(t))
	compare(t, perlVerdicts(g.linux(t)), got, 1000, perlDeviations)
}

// perlVerdicts gathers what each test reported (Test::Harness::TAP), and how its program ended.
func perlVerdicts(out string) results {
	all := results{}
	var program string
	for _, line := range strings.Split(out, "\n") {
		line = strings.TrimRight(line, "\r")
		if name, ok := strings.CutPrefix(line, "### "); ok {
			program = name
		} else if text, ok := strings.CutPrefix(line, "=== "); ok {
			if name, code, ok := strings.Cut(text, " exit "); ok {
				all.add(name, "exit "+code)
			}
		} else if text, ok := strings.CutPrefix(line, "| "); ok {
			verdict := "ok"
			text = strings.TrimSpace(text)
			if rest, failed := strings.CutPrefix(text, "not "); failed {
				verdict, text = "not ok", rest
			}
			if strings.HasPrefix(text, "1..0") {
				all.add(program+": plan", text)
			} else if number, ok := strings.CutPrefix(text, "ok "); ok {
				number, _, _ = strings.Cut(number, " ")
				if strings.Contains(strings.ToLower(text), "# skip") {
					verdict = "skipped"
				}
				all.add(program+": "+number, verdict)
			}
		}
	}
	return all
}
