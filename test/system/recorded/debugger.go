package recorded

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Debuggees is where programs, sources and sessions are in the guest.
const Debuggees = "/debug"

// Debugging runs sessions one after the other. Symbols of the C library would be there on
// one side only.
const Debugging = `cd "$1" || exit 1; shift
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

// PrepareDebugging fills a folder with what the script Debugging needs, the programs built so that they
// say they lie at Debuggees, and returns the names of the sessions. system is the folder test/system.
func PrepareDebugging(system, dir string) ([]string, error) {
	for _, pattern := range []string{"../programs/debuggee/*", "testdata/gdb/*"} {
		if err := copyInto(dir, filepath.Join(system, pattern)); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"steps", "family", "threads"} {
		c := exec.Command("gcc", "-g", "-O0", "-no-pie", "-pthread", "-fdebug-prefix-map="+dir+"="+Debuggees, "-o", name, name+".c")
		c.Dir = dir
		if text, err := c.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building %s: %w\n%s", name, err, text)
		}
	}
	var sessions []string
	for _, pattern := range []string{"*.gdb", "*.sh"} {
		list, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(list) == 0 {
			return nil, fmt.Errorf("no sessions: %w", err)
		}
		for _, s := range list {
			sessions = append(sessions, filepath.Base(s))
		}
	}
	return sessions, os.WriteFile(filepath.Join(dir, "sessions"), []byte(Debugging), 0o644)
}

func copyInto(dir, pattern string) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(f)), b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Debugged cuts what the script Debugging printed into the sessions, and takes out of each what differs
// from run to run.
func Debugged(out string) ([]Text, error) {
	var list []Text
	for _, part := range strings.Split("\n"+out, "\n=== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		list = append(list, Text{name, filepath.Join("gdb", strings.TrimSuffix(name, filepath.Ext(name))+".want"), normal(text)})
	}
	if list == nil {
		return nil, fmt.Errorf("no sessions: %q", out)
	}
	return list, nil
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
