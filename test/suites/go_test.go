//go:build suites

package suites

import (
	"bytes"
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
	{test: "net: *", got: noNetwork, why: noInternet},
	{test: "net: *", got: "SKIP", why: noInternet},
	{test: "net: Test*/*", got: "nothing", why: noInternet},
	{test: "os: *", got: noNetwork, why: noInternet},
	{test: "os: *tcp*", got: "SKIP", why: noInternet},
	{test: "os: Test*/*", got: "nothing", why: noInternet},
	{test: "os/exec: *", got: noNetwork, why: noInternet},
	{test: "net: TestDNSErrorUnwrap", why: noInternet + "; the name server is asked by UDP"},
	{test: "syscall: *", got: "SKIP", why: namespaces},
	{test: "syscall: exit", why: "TestGroupCleanupUserNamespace fails on Linux, where there are namespaces"},
	{test: "net: exit", why: noInternet},
	{test: "os: exit", why: noInternet},
	{test: "os/exec: exit", why: noInternet},
}

const (
	noInternet = "there is no network but unix sockets: EAFNOSUPPORT for every other family, as Linux without CONFIG_INET"
	// noNetwork is the verdict of a test that failed because of it, and said so.
	noNetwork = "FAIL for want of a network"
)

// wantsNetwork is what such a test says.
var wantsNetwork = regexp.MustCompile(`address family not supported|(tcp|udp|ip)\S* (is not supported|listener)|no such host`)

// goSkipped hang without TCP, because they wait for a program that they have not connected to yet (testSplice), or
// write a file of 1 GiB.
const goSkipped = "TestSplice/tcp|TestSplice/unix-to-file/big"

const goScript = `export GOROOT=/usr/local/go
while read package; do
echo "### $package"
cd $GOROOT/src/$package
timeout -s KILL 900 /gotests/$package.test -test.v -test.short -test.timeout 800s -test.skip '` + goSkipped + `' </dev/null 2>&1
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
	addFolder(t, root, filepath.Join(source, "unicode"), "/usr/local/go/src/unicode")
	module, err := os.ReadFile(filepath.Join(source, "go.mod"))
	add(t, err, root.File("/usr/local/go/src/go.mod", 0o644, module),
		root.File("/gotests/list", 0o644, []byte(strings.Join(goPackages, "\n")+"\n")),
		root.File("/gotests/run.sh", 0o755, []byte(goScript)))
	g := &guest{root: root, script: "/gotests/run.sh", memory: 2 << 30, limit: 60 * time.Minute}
	got := goVerdicts(g.starling(t))
	compare(t, goVerdicts(g.linux(t)), got, 1000, goDeviations)
}

var (
	// goVerdict is how a test ends, goRuns whose output follows, in the output of a program with -test.v.
	goVerdict = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \(`)
	goRuns    = regexp.MustCompile(`^=== (?:RUN|CONT|NAME) +(\S+)$`)
)

// goVerdicts gathers how each test ended, and each program.
func goVerdicts(out string) results {
	all := results{}
	program, current := "", ""
	unconnected := map[string]bool{} // the tests that said that they want a network
	for _, line := range strings.Split(out, "\n") {
		line = strings.TrimRight(line, "\r")
		if rest, is := strings.CutPrefix(line, "### "); is {
			program = rest
		} else if rest, is := strings.CutPrefix(line, "=== "+program+" exit "); is && program != "" {
			all.add(program+": exit", rest)
			program = ""
		} else if m := goRuns.FindStringSubmatch(line); m != nil {
			current = m[1]
		} else if m := goVerdict.FindStringSubmatch(line); m != nil && program != "" {
			current = m[2]
			all.add(program+": "+current, m[1])
		} else if wantsNetwork.MatchString(line) {
			unconnected[program+": "+strings.Split(current, "/")[0]] = true
		}
	}
	for name, verdict := range all {
		program, test, _ := strings.Cut(name, ": ")
		if verdict == "FAIL" && unconnected[program+": "+strings.Split(test, "/")[0]] {
			all[name] = noNetwork
		}
	}
	return all
}
