package system

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"starling/images"
	"starling/ipc/control"
)

// system is a running system with a shell in it and a control socket.
type system struct {
	t      *testing.T
	cmd    *exec.Cmd
	ended  bool
	socket string
	in     *bufio.Writer
	pipe   io.Closer
	out    *bufio.Reader
	errs   bytes.Buffer
}

// boot starts a system; it is stopped when the test ends.
func boot(t *testing.T, flagsAndProgram ...string) *system {
	t.Helper()
	s := &system{t: t, socket: filepath.Join(t.TempDir(), "ctl")}
	c := exec.Command(starling(t), append([]string{"run", "--timeout", "4m", "--socket", s.socket}, flagsAndProgram...)...)
	s.cmd = c
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = &s.errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !s.ended {
			_ = c.Process.Signal(os.Interrupt)
			_ = c.Wait()
		}
	})
	s.pipe = in
	s.in, s.out = bufio.NewWriter(in), bufio.NewReader(out)
	return s
}

// end waits for the end and returns the exit status, and what was on standard error.
func (s *system) end() (status int, errs string) {
	s.t.Helper()
	_, _ = io.Copy(io.Discard, s.out)
	_ = s.cmd.Wait()
	s.ended = true
	return s.cmd.ProcessState.ExitCode(), s.errs.String()
}

// say writes a line to the program.
func (s *system) say(line string) {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.in, line); err != nil || s.in.Flush() != nil {
		s.t.Fatalf("writing %q: %v; %s", line, err, s.errs.String())
	}
}

// close ends the program's input.
func (s *system) close() { _ = s.pipe.Close() }

// hears reads a line of the program.
func (s *system) hears(want string) {
	s.t.Helper()
	line, err := s.out.ReadString('\n')
	if line != want+"\n" {
		s.t.Fatalf("the program says %q (%v), want %q; %s", line, err, want, s.errs.String())
	}
}

// swap asks for a swap and returns the report.
func (s *system) swap(server string, flags ...string) (r control.Swapped) {
	s.t.Helper()
	got := run(s.t, "", starling(s.t), append([]string{"ctl", "swap", server, "--json", "--socket", s.socket}, flags...)...)
	if err := json.Unmarshal([]byte(got.Out), &r); err != nil || (got.Status == 0) != (r.Error == "") {
		s.t.Fatalf("swap %s %q: %+v, %v", server, flags, got, err)
	}
	return r
}

// swapTwice asks for two swaps at once and returns what ctl says about each.
func (s *system) swapTwice(args ...string) (first, second string) {
	s.t.Helper()
	var c [2]*exec.Cmd
	var said [2]bytes.Buffer
	for i := range c {
		c[i] = exec.Command(starling(s.t), append([]string{"ctl", "swap", "--socket", s.socket}, args...)...)
		c[i].Stderr = &said[i]
		if err := c[i].Start(); err != nil {
			s.t.Fatal(err)
		}
	}
	for i := range c {
		if err := c[i].Wait(); c[i].ProcessState.ExitCode() != 1 {
			s.t.Errorf("swap ended with %v: %s", err, said[i].String())
		}
	}
	return said[0].String(), said[1].String()
}

// withBuilds is the default manifest with more builds for the personality.
func withBuilds(t *testing.T, builds string) string {
	t.Helper()
	const after = "    builds:\n"
	if !bytes.Contains(images.SystemManifest, []byte(after)) {
		t.Fatal("the default manifest has changed")
	}
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	text := strings.Replace(string(images.SystemManifest), after, after+builds, 1)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A successor that fails, at whichever step, changes nothing: shell and background
// processes go on, and a good one takes over afterwards.
func TestSwapsThatFail(t *testing.T) {
	faults := []struct{ fault, step, says string }{
		{"die-at-start", "start", "the new instance died"},
		{"hang-at-start", "start", "did not answer within"},
		{"claim-too-much", "start", "is in stage"},
		{"ignore", "start", "does not say what it knows"},
		{"forget", "hand-over", "would lose"},
		{"older", "hand-over", "would lose: state.Tasks.core_pattern"},
		{"refuse", "take-over", "refused: as it was asked to"},
		{"die-at-import", "take-over", "the new instance died"},
		{"hang-at-import", "take-over", "did not answer within"},
		{"spin-at-import", "take-over", "did not answer within"},
		{"lie", "compare", "exports another state than it was given"},
		{"lose", "compare", "exports another state than it was given"},
		{"alter", "compare", "exports another state than it was given"},
		{"die-at-commit", "commit", "the new instance died"},
		{"hang-at-commit", "commit", "did not answer within"},
	}
	var builds strings.Builder
	for _, f := range faults {
		fmt.Fprintf(&builds, "      - {name: %s, binary: faulty, args: [%s]}\n", f.fault, f.fault)
	}
	builds.WriteString("      - {name: another, binary: personality-hello, args: [/none]}\n")
	s := boot(t, "--manifest", withBuilds(t, builds.String()), "--", "sh", "-c",
		"(while sleep 0.01; do :; done) & mkfifo f; cat f > g & exec 3> f; echo ready; while read -r x; do echo $x >&3; echo $((n += 1)) $x; done")
	s.hears("ready")
	n := 0
	works := func(word string) {
		t.Helper()
		n++
		s.say(word)
		s.hears(fmt.Sprintf("%d %s", n, word))
	}
	for _, f := range faults {
		limit := "60s"
		if strings.Contains(f.says, "within") {
			limit = "1s"
		}
		r := s.swap("linux", "--with", f.fault, "--limit", limit)
		if r.Step != f.step || !strings.Contains(r.Error, f.says) || r.Generation != 1 {
			t.Errorf("%s: %+v", f.fault, r)
		}
		works(f.fault)
	}
	if first, second := s.swapTwice("linux", "--with", "hang-at-import", "--limit", "3s"); strings.Contains(first, "is going on") == strings.Contains(second, "is going on") {
		t.Errorf("two swaps at once: %s; %s", first, second)
	}
	works("twice")
	if r := s.swap("linux", "--with", "another"); r.Step != "hand-over" || !strings.Contains(r.Error, "would lose") {
		t.Errorf("a personality of another kind: %+v", r)
	}
	works("another")
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"pager"}, "does not let pager be swapped"},
		{[]string{"nobody"}, "there are pager, console, linux"},
		{[]string{"linux", "--with", "none"}, "the image has linux, die-at-start"},
	} {
		if r := s.swap(c.args[0], c.args[1:]...); r.Step != "start" || !strings.Contains(r.Error, c.says) {
			t.Errorf("%q: %+v", c.args, r)
		}
	}
	for i := range 3 {
		with := []string{"linux-next", "linux-next", "linux"}[i]
		if r := s.swap("linux", "--with", with); r.To != with || r.Error != "" || r.Generation != 2+i || r.DigestBefore != r.DigestAfter || r.Bytes == 0 || r.Pause == 0 {
			t.Errorf("a good successor: %+v", r)
		}
		works("good")
	}
}

// work is what runs at the same time while the Linux server is swapped: a shell's loop
// with signals and children, a pipeline of 50 MB, threads with timers, and a process that is
// stopped under strace from the beginning until the others have ended.
const work = `
mkdir /tmp/load && cd /tmp/load || exit 9
GLIBC_TUNABLES=glibc.pthread.rseq=0 strace -o trace -e trace=kill,exit_group sh -c 'echo $$ >pid; kill -STOP $$; echo resumed; exit 5' >stopped & strace=$!
until grep -q 'stopped by SIGSTOP' trace 2>/dev/null; do usleep 1000; done
(i=0; while [ $i -lt 150 ]; do i=$((i+1)); echo $i | sed s/^/line/; done | md5sum
 (usleep 200000; exit 3) & wait $!; echo child $?
 trap 'echo trapped' USR1; me=$(sh -c 'echo $PPID'); (usleep 100000; kill -USR1 $me) & wait; wait; echo $?; exit 6) >loop & loop=$!
(dd if=/dev/zero bs=64k count=800 2>/dev/null | tr '\0' x | md5sum; exit 7) >pipeline & pipeline=$!
/timers 60 >timers & timers=$!
wait $loop; echo loop $?; wait $pipeline; echo pipeline $?; wait $timers; echo timers $?
grep State /proc/$(cat pid)/status
kill -CONT $(cat pid); wait $strace; echo strace $?
cat loop pipeline timers stopped
sed 's/[0-9][0-9]*/N/g' trace
`

// Fifty swaps between two builds change nothing of what programs say, nor how they end.
func TestSwapsUnderLoad(t *testing.T) {
	timers := buildGo(t, t.TempDir(), "timers")
	limit := time.Now().Add(manyRuns)
	run := func(flags ...string) result {
		t.Helper()
		return guestWithin(t, time.Until(limit), append(flags, "--deb", "strace", "--add", timers+":/timers", "--", "sh", "-c", work)...)
	}
	want := run()
	for _, text := range []string{"loop 6\n", "pipeline 7\n", "timers 0\n", "State:\tt (tracing stop)\n", "strace 5\n", "child 3\n", "trapped\n", "resumed\n", "--- stopped by SIGSTOP ---\n", "+++ exited with N +++\n"} {
		if !strings.Contains(want.Out, text) {
			t.Fatalf("without swaps: no %q in %q, errors %q", text, want.Out, want.Err)
		}
	}
	for swaps := 0; swaps < 50; {
		r := run("--swap-every", "20ms", "--swap-with", "linux-next", "--swap-with", "linux")
		var good, failed int
		if i := strings.Index(r.Err, "starling: "); i < 0 {
			t.Fatalf("no summary: %q", r.Err)
		} else if _, err := fmt.Sscanf(r.Err[i:], "starling: %d swaps of linux, %d failed", &good, &failed); err != nil || failed > 0 || good == 0 {
			t.Fatalf("%q: %v", r.Err, err)
		}
		if r.Out != want.Out || r.Status != want.Status {
			t.Fatalf("with swaps %q and status %d, without %q and %d", r.Out, r.Status, want.Out, want.Status)
		}
		swaps += good
	}
}

// helloProgram compiles a program of the hello personality.
func helloProgram(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	c := exec.Command("gcc", "-O1", "-static", "-nostdlib", "-fno-stack-protector", "-o", program, "../programs/hello/"+name+".c")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return program
}

// Programs of both personalities run in one system, and each personality is swapped
// without the other's programs noticing.
func TestTwoPersonalities(t *testing.T) {
	s := boot(t, "--manifest", "../../images/both.yaml", "--add", helloProgram(t, "count")+":/count", "--", "sh", "-c",
		"while read -r x; do n=$((n+1)); echo linux $n $x | cat; done; exit 4")
	hello, linux := 0, 0
	line := func() {
		t.Helper()
		text, err := s.out.ReadString('\n')
		var n int
		var word string
		switch {
		case err != nil:
			t.Fatalf("%v after %q, %d lines of hello and %d of Linux; %s", err, text, hello, linux, s.errs.String())
		case strings.HasPrefix(text, "hello "):
			if _, err := fmt.Sscanf(text, "hello %03d\n", &n); err != nil || n != hello+1 {
				t.Fatalf("hello says %q after %d lines", text, hello)
			}
			hello++
		default:
			if _, err := fmt.Sscanf(text, "linux %d %s\n", &n, &word); err != nil || n != linux+1 || word != fmt.Sprint("line", n) {
				t.Fatalf("Linux says %q after %d lines", text, linux)
			}
			linux++
		}
	}
	for i := 1; i <= 4; i++ {
		s.say(fmt.Sprint("line", i))
		for linux < i || hello < 20*i {
			line()
		}
		for _, server := range []string{"hello", "linux"} {
			if r := s.swap(server); r.Error != "" || r.Generation != 1+i {
				t.Fatalf("%+v", r)
			}
		}
	}
	for hello < 100 {
		line()
	}
	s.close()
	if status, errs := s.end(); status != 4 {
		t.Errorf("status %d, errors %q", status, errs)
	}
}

// The hello personality counts through a swap.
func TestHelloPersonality(t *testing.T) {
	program := helloProgram(t, "hello")
	s := boot(t, "--manifest", "../../images/hello.yaml", "--add", program+":/hello", "--", "/hello")
	s.hears("hello")
	for i := 1; i <= 3; i++ {
		if r := s.swap("hello"); r.Error != "" || r.Generation != 1+i {
			t.Errorf("%+v", r)
		}
		s.say("line")
		s.hears(fmt.Sprintf("%d line", i))
	}
	s.say("bye")
	s.hears("4 bye")
	s.hears("4 lines")
}
