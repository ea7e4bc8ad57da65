//go:build suites

package suites

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// goPackages are those of the standard library that stand nearest to the system.
var goPackages = []string{"bufio", "io", "path/filepath", "sync", "sync/atomic", "syscall", "time", "os", "os/exec",
	"os/signal", "net", "runtime"}

// goDeviations are the tests of Go's standard library whose results differ, with the reason.
var goDeviations = []deviation{
	{test: "net: *", got: "FAIL, " + noFamily, why: "there is no network but unix sockets: EAFNOSUPPORT, as Linux without CONFIG_INET"},
}

// noFamily is added to the verdict of a test that failed because of an address family.
const noFamily = "address family not supported"

const goScript = `export GOROOT=/usr/local/go
while read package; do
echo "### $package"
cd $GOROOT/src/$package
timeout -s KILL 900 /gotests/$package.test -test.v -test.short -test.timeout 800s </dev/null 2>&1
echo "=== $package exit $?"
done </gotests/list
echo "` + finished + `"
`

// TestGo runs the tests of Go's standard library, built by the toolchain that builds Starling.
func TestGo(t *testing.T) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(string(bytes.TrimSpace(goroot)), "src")
	built := t.TempDir()
	root := busyboxTree(t)
	for _, p := range goPackages {
		build := exec.Command("go", "test", "-c", "-ldflags=-s -w", "-o", filepath.Join(built, p+".test"), p)
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", build, err, out)
		}
		addFolder(t, root, filepath.Join(source, p), "/usr/local/go/src/"+p)
	}
	addFolder(t, root, built, "/gotests")
	addFolder(t, root, filepath.Join(source, "../lib/time"), "/usr/local/go/lib/time")
	module, err := os.ReadFile(filepath.Join(source, "go.mod"))
	add(t, err, root.File("/usr/local/go/src/go.mod", 0o644, module),
		root.File("/gotests/list", 0o644, []byte(strings.Join(goPackages, "\n")+"\n")),
		root.File("/gotests/run.sh", 0o755, []byte(goScript)))
	g := &guest{root: root, script: "/gotests/run.sh", memory: 2 << 30, limit: 60 * time.Minute}
	got := goVerdicts(g.starling(t))
	compare(t, goVerdicts(g.linux(t)), got, 1000, goDeviations)
}

// goVerdict is how a test ends, in the output of a test program with -test.v.
var goVerdict = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \(`)

// goVerdicts gathers how each test ended, and each program.
func goVerdicts(out string) results {
	all := results{}
	program := ""
	family := map[string]bool{} // the tests that printed noFamily
	current := ""
	for _, line := range strings.Split(out, "\n") {
		line = strings.TrimRight(line, "\r")
		if rest, is := strings.CutPrefix(line, "### "); is {
			program, current = rest, ""
			clear(family)
		} else if rest, is := strings.CutPrefix(line, "=== "+program+" exit "); is && program != "" {
			all.add(program+": exit", rest)
			program = ""
		} else if f := strings.Fields(line); len(f) == 3 && f[0] == "===" {
			current = f[2] // RUN, CONT or NAME: whose output follows
		} else if m := goVerdict.FindStringSubmatch(line); m != nil && program != "" {
			verdict := m[1]
			current = m[2]
			if verdict == "FAIL" && family[strings.Split(current, "/")[0]] {
				verdict = fmt.Sprintf("%s, %s", verdict, noFamily)
			}
			all.add(program+": "+current, verdict)
		} else if strings.Contains(line, noFamily) {
			family[strings.Split(current, "/")[0]] = true
		}
	}
	return all
}
