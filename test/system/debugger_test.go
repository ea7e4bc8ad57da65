package system

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// record makes TestDebuggers record what this machine's Linux says: ptrace(2) must be
// allowed, core files be called core, and gdb and gdbserver of Debian be there.
var record = flag.Bool("record", false, "record the sessions of debuggers on this Linux")

// Sessions of Debian's gdb and gdbserver, with the programs of test/programs/debuggee. A
// session is testdata/gdb/NAME.gdb, commands for gdb, or NAME.sh, a script that runs gdb;
// NAME.want is what Linux says. All of them run in one boot.
func TestDebuggers(t *testing.T) {
	dir := t.TempDir()
	copyInto(t, dir, "../programs/debuggee/*")
	copyInto(t, dir, "testdata/gdb/*")
	for _, name := range []string{"steps", "family", "threads"} {
		c := exec.Command("gcc", "-g", "-O0", "-no-pie", "-pthread", "-fdebug-prefix-map="+dir+"="+debuggees, "-o", name, name+".c")
		c.Dir = dir
		if text, err := c.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", name, err, text)
		}
	}
	var sessions []string
	for _, pattern := range []string{"*.gdb", "*.sh"} {
		list, err := filepath.Glob("testdata/gdb/" + pattern)
		if err != nil || len(list) == 0 {
			t.Fatal("no sessions", err)
		}
		for _, s := range list {
			sessions = append(sessions, filepath.Base(s))
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "sessions"), []byte(driver), 0o644); err != nil {
		t.Fatal(err)
	}
	if *record {
		r := runWithin(t, manyRuns, "", "busybox", append([]string{"sh", filepath.Join(dir, "sessions"), dir}, sessions...)...)
		for name, text := range split(strings.ReplaceAll(r.Out, dir, debuggees)) {
			if err := os.WriteFile("testdata/gdb/"+wanted(name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	args := []string{"--mem", "512M", "--deb", "gdb", "--deb", "gdbserver", "--add", dir + ":" + debuggees, "--", "sh", debuggees + "/sessions", debuggees}
	r := guestWithin(t, manyRuns, append(args, sessions...)...)
	if r.Status != 0 {
		t.Errorf("status %d, errors %q", r.Status, r.Err)
	}
	got := split(r.Out)
	for _, s := range sessions {
		t.Run(s, func(t *testing.T) {
			want, err := os.ReadFile("testdata/gdb/" + wanted(s))
			if err != nil {
				t.Fatal(err)
			}
			if got[s] != string(want) {
				t.Errorf("Starling says\n%s\nLinux says\n%s\n%s", got[s], want, firstDifference(got[s], string(want)))
			}
		})
	}
}

// debuggees is where programs, sources and sessions are in the guest.
const debuggees = "/debug"

// driver runs sessions one after the other. Symbols of the C library would be there on
// one side only.
const driver = `cd "$1" || exit 1; shift
OPTIONS="-nx -batch -ix quiet"; export OPTIONS
echo 'set debug-file-directory /nonexistent' >quiet
for s in "$@"; do
	echo "=== $s"
	case $s in
	*.gdb) gdb $OPTIONS -x $s </dev/null 2>&1 ;;
	*) sh ./$s 2>&1 ;;
	esac
	echo "exit $?"
done
`

func copyInto(t *testing.T, dir, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(f)), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func wanted(session string) string {
	return strings.TrimSuffix(session, filepath.Ext(session)) + ".want"
}

// split cuts the output into sessions and takes out of each what differs from run to run.
func split(out string) map[string]string {
	all := map[string]string{}
	for _, part := range strings.Split("\n"+out, "\n=== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		all[name] = normal(text)
	}
	return all
}

var (
	number   = regexp.MustCompile(`(process|LWP|pid =|pid) (\d+)`)
	own      = regexp.MustCompile(`a=\d+, number=62`) // kill(getpid(), ...)
	address  = regexp.MustCompile(`0x0*7f[0-9a-f]{8,10}`)
	blanks   = regexp.MustCompile(` +`)
	racing   = regexp.MustCompile(`(?m)^\[(Thread|LWP) .*exited\]\n`)
	xstate   = regexp.MustCompile(`\n?warning: Section [^\n]* in core file too small\.\n`) // gdb does not know all of this processor's
	vsyscall = regexp.MustCompile(`(?m)^.*ffffffffff600000.*\n`)                           // a page that Starling has not
)

// normal replaces numbers of processes by their order, and addresses that are random. When a
// debugger hears of the end of a thread depends on who runs first.
func normal(text string) string {
	text = racing.ReplaceAllString(text, "")
	text = vsyscall.ReplaceAllString(text, "")
	text = xstate.ReplaceAllString(text, "")
	text = own.ReplaceAllString(text, "a=PID, number=62")
	text = address.ReplaceAllString(text, "ADDRESS")
	text = blanks.ReplaceAllString(text, " ")
	seen := map[string]string{}
	return number.ReplaceAllStringFunc(text, func(s string) string {
		m := number.FindStringSubmatch(s)
		if seen[m[2]] == "" {
			seen[m[2]] = "P" + strconv.Itoa(len(seen)+1)
		}
		return m[1] + " " + seen[m[2]]
	})
}

// firstDifference names the first line in which two texts differ.
func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "first difference:\n" + a[i] + "\n" + b[i]
		}
	}
	return "one is longer"
}
