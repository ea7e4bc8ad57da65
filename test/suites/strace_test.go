//go:build suites

package suites

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// straceTools are the Debian packages with what the tests call: busybox's applets lack options
// and say some things in other words.
var straceTools = []string{"bash", "coreutils", "dash", "diffutils", "gawk", "grep", "sed"}

// slowTests trace hundreds of thousands of calls, or run all of the suite's eight hundred programs once more: many
// seconds on a processor, and more than the time that the suite allows itself under an emulator, on Linux too.
var slowTests = []string{"clock", "filter_seccomp", "filtering_syscall-syntax", "kill_child", "pread64-pwrite64", "printpath-umovestr",
	"printpath-umovestr-legacy", "printpath-umovestr-peekdata", "printpath-umovestr-undumpable", "printstrn-umoven",
	"printstrn-umoven-legacy", "printstrn-umoven-peekdata", "printstrn-umoven-undumpable", "qual_fault", "qual_fault-syscall",
	"read-write", "regex", "sched", "trace_clock", "trace_creds", "trace_fstat", "trace_fstatfs", "trace_lstat", "trace_question",
	"trace_stat", "trace_stat_like", "trace_statfs", "trace_statfs_like"}

// straceScript runs every test of the list as the suite's own Makefile does.
const straceScript = `cd /strace/tests
export STRACE_ARCH=x86_64 STRACE_NATIVE_ARCH=x86_64 SIZEOF_KERNEL_LONG_T=8 SIZEOF_LONG=8 MIPS_ABI= TIMEOUT_DURATION=300
while read t; do
echo "### $t"
timeout -s KILL 330 ./run.sh ./$t </dev/null >/tmp/output 2>&1
code=$?
case $code in 0|77) ;; *) tail -n 60 /tmp/output | cut -c 1-400 | sed 's/^/| /';; esac
echo "=== $t exit $code"
done <list
echo "` + finished + `"
`

// straceTests is how many tests one machine runs: enough that its start does not count, few enough that
// a piece (-run TestStrace/03) can be run again while it is being worked on.
const straceTests = 100

// TestStrace runs strace's own test suite (Debian's source package), in pieces.
func TestStrace(t *testing.T) {
	root := busyboxTree(t)
	if err := debian(t).Add(root, straceTools); err != nil {
		t.Fatal(err)
	}
	list := buildStrace(t, filepath.Join(t.TempDir(), "strace"), root.File)
	add(t, root.File("/strace/run.sh", 0o755, []byte(straceScript)))
	number := 0
	for piece := range slices.Chunk(list, straceTests) {
		number++
		t.Run(fmt.Sprintf("%02d", number), func(t *testing.T) {
			add(t, root.File("/strace/tests/list", 0o644, []byte(strings.Join(piece, "\n")+"\n")))
			g := &guest{root: root, script: "/strace/run.sh", memory: 1 << 30, limit: 30 * time.Minute}
			got := straceVerdicts(g.starling(t))
			compare(t, straceVerdicts(g.linux(t)), got, len(piece), straceDeviations)
		})
	}
}

// buildStrace builds strace and the programs of its tests beside the source, once, and puts what
// the tests need in place. It returns the names of the tests.
func buildStrace(t *testing.T, stripped string, file func(name string, mode uint32, data []byte) error) []string {
	t.Helper()
	src, err := Source("strace")
	if err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(filepath.Dir(src), "built")
	if _, err := os.Stat(built); err != nil {
		// Only the processor's own instruction set; no libraries to show stacks or labels with.
		script := `./configure --enable-mpers=no --without-libunwind --without-libdw --without-libselinux CFLAGS='-O1 -w' &&
make -j2 && make -j2 -C tests check TESTS=`
		build := exec.Command("sh", "-c", script)
		build.Dir = src
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("strace does not build: %v\n%s", err, out[max(0, len(out)-4000):])
		}
		put(t, built, nil)
	}
	put(t, filepath.Join(stripped, "x"), nil)
	ignored := regexp.MustCompile(`\.([cohd]|am|log|trs|m4)$|^Makefile`)
	programs, err := filepath.Glob(filepath.Join(src, "tests", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(programs, filepath.Join(src, "src/strace"), filepath.Join(src, "src/strace-log-merge"),
		filepath.Join(src, "src/config.h"), filepath.Join(src, "src/disable_ptrace_get_syscall_info")) {
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if !st.Mode().IsRegular() || ignored.MatchString(filepath.Base(name)) && filepath.Base(name) != "config.h" {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(data), "\x7fELF") {
			small := filepath.Join(stripped, filepath.Base(name))
			if out, err := exec.Command("strip", "-o", small, name).CombinedOutput(); err != nil {
				t.Fatalf("strip %s: %v\n%s", name, err, out)
			}
			if data, err = os.ReadFile(small); err != nil {
				t.Fatal(err)
			}
		}
		at, err := filepath.Rel(src, name)
		if err != nil {
			t.Fatal(err)
		}
		add(t, file(filepath.Join("/strace", at), uint32(st.Mode().Perm()), data))
	}
	names := exec.Command("make", "-s", "-C", "tests", "--eval=names:;@echo $(TESTS)", "names")
	names.Dir = src
	out, err := names.Output()
	if err != nil {
		t.Fatal(fmt.Errorf("make names: %w", err))
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool {
		name = strings.TrimSuffix(strings.TrimSuffix(name, ".test"), ".gen")
		return slices.Contains(slowTests, name) || !wanted(name)
	})
}

// straceVerdicts reads the exit statuses as automake does.
func straceVerdicts(out string) results {
	all := results{}
	for _, line := range strings.Split(out, "\n") {
		rest, is := strings.CutPrefix(strings.TrimRight(line, "\r"), "=== ")
		name, code, cut := strings.Cut(rest, " exit ")
		if !is || !cut {
			continue
		}
		switch code {
		case "0":
			code = "PASS"
		case "77":
			code = "SKIP"
		case "99":
			code = "ERROR"
		default:
			code = "FAIL"
		}
		all.add(strings.TrimSuffix(strings.TrimSuffix(name, ".test"), ".gen"), code)
	}
	return all
}
