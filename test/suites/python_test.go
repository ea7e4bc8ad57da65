//go:build suites

package suites

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// pythonTests are the files of CPython's own tests that stand nearest to the system.
var pythonTests = []string{"test_signal", "test_threading", "test_os", "test_posix", "test_mmap", "test_fcntl", "test_select", "test_epoll", "test_poll",
	"test_pty", "test_subprocess", "test_multiprocessing_forkserver"}

// pythonDeviations are the tests whose results differ, with the reason.
var pythonDeviations = []deviation{
	{test: "*", got: noNetwork, why: noInternet},
	{test: "test_multiprocessing_forkserver: test_rapid_restart*", why: noInternet},
}

// The random seed decides in which order tests run and how they share what they make.
const pythonScript = `while read t; do
echo "### $t"
timeout -s KILL 1500 python3 -m test -v --timeout 1400 $t </dev/null 2>&1
echo "=== $t exit $?"
done </tests
echo "` + finished + `"
`

// TestPython runs CPython's tests, of Debian's build.
func TestPython(t *testing.T) {
	root := busyboxTree(t)
	if err := debian(t).Add(root, []string{"python3", "libpython3.11-testsuite"}); err != nil {
		t.Fatal(err)
	}
	for _, file := range slices.DeleteFunc(slices.Clone(pythonTests), func(name string) bool { return !wanted(name) }) {
		t.Run(file, func(t *testing.T) {
			add(t, root.File("/tests", 0o644, []byte(file+"\n")), root.File("/run.sh", 0o755, []byte(pythonScript)))
			g := &guest{root: root, script: "/run.sh", memory: 1 << 30, limit: 30 * time.Minute}
			got := pythonVerdicts(g.starling(t))
			compare(t, pythonVerdicts(g.linux(t)), got, 5, pythonDeviations)
		})
	}
}

var (
	// pythonBegins is how a test announces itself; how it ends follows, perhaps after what it prints itself.
	pythonBegins = regexp.MustCompile(`^(\w+) \(([\w.]+)\) \.\.\. ?(.*)`)
	pythonEnds   = regexp.MustCompile(`(ok|FAIL|ERROR|expected failure|skipped '.*')$`)
	// pythonFails begins what a test that failed has to say.
	pythonFails = regexp.MustCompile(`^(?:ERROR|FAIL): (\w+) \(([\w.]+)\)`)
)

// pythonVerdicts gathers how each test ended, and each file.
func pythonVerdicts(out string) results {
	all, unconnected := results{}, map[string]bool{}
	program, current, failing := "", "", ""
	for _, line := range strings.Split(out, "\n") {
		line = strings.TrimRight(line, "\r")
		if rest, is := strings.CutPrefix(line, "### "); is {
			program = rest
			continue
		}
		if rest, is := strings.CutPrefix(line, "=== "+program+" exit "); is && program != "" {
			all.add(program+": exit", rest)
			program = ""
			continue
		}
		if m := pythonBegins.FindStringSubmatch(line); m != nil {
			current = program + ": " + m[1] + " of " + m[2][:max(0, strings.LastIndexByte(m[2], '.'))]
			line = m[3]
		}
		if m := pythonEnds.FindStringSubmatch(line); m != nil && current != "" {
			all.add(current, strings.SplitN(m[1], " ", 2)[0])
			current = ""
		}
		if m := pythonFails.FindStringSubmatch(line); m != nil {
			failing = program + ": " + m[1] + " of " + m[2][:max(0, strings.LastIndexByte(m[2], '.'))]
		} else if strings.Contains(line, "[Errno 97]") || strings.Contains(line, "sockets[0]") {
			unconnected[failing] = true
		}
	}
	for name, verdict := range all {
		if (verdict == "ERROR" || verdict == "FAIL") && unconnected[name] {
			all[name] = noNetwork
		}
	}
	return all
}
