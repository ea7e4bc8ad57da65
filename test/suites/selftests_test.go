//go:build suites

package suites

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/images/tree"
)

// Packages of Debian 12 that the selftests need.
const (
	sourcePackage = "linux-source-6.1"
	sourceTop     = "linux-source-6.1/"
)

// selftestScript runs every program of the list. Its output is a file: what a test leaves
// running may keep it.
const selftestScript = `export TERM=linux
while read t prepare; do
echo "### $t"
rm -f /tmp/output
cd /st/${t%/*}
set --
eval "$prepare"
timeout -s KILL 60 ./${t##*/} "$@" </dev/null >/tmp/output 2>&1
code=$?
cat /tmp/output
echo "=== $t exit $code"
done </st/list
echo "` + finished + `"
`

// lineBuffered goes into every program: what one has said before it dies is a result too.
const lineBuffered = `#include <stdio.h>
__attribute__((constructor)) static void lines(void) { setvbuf(stdout, NULL, _IOLBF, 0); }
`

// TestSelftests runs Linux's own selftests on Debian's kernel in QEMU and on Starling in
// the same emulator, and compares what each reports.
func TestSelftests(t *testing.T) {
	root := busyboxTree(t)
	tests := selftests()
	tests = slices.DeleteFunc(tests, func(s selftest) bool { return !wanted(s.id()) })
	addFolder(t, root, buildSelftests(t, debian(t), tests, t.TempDir()), "/st")
	g := &guest{root: root, script: "/st/run.sh", memory: 1 << 30, limit: 20 * time.Minute}
	got := verdicts(g.starling(t))
	compare(t, verdicts(g.linux(t)), got, len(tests), selftestDeviations)
}

// buildSelftests compiles the programs, static so that they bring everything, to dir/FOLDER/NAME.
func buildSelftests(t *testing.T, debian *tree.Debian, tests []selftest, dir string) string {
	t.Helper()
	packages := tree.New()
	add(t, debian.AddAlone(packages, sourcePackage),
		debian.Add(packages, []string{"libcap-dev", "libcap-ng-dev", "libpopt-dev"}))
	_, archive, ok := packages.Find("usr/src/" + sourcePackage + ".tar")
	if !ok {
		t.Fatal("there is no archive in " + sourcePackage)
	}
	unpack := exec.Command("tar", "xJ", "-C", dir, sourceTop+"tools/testing/selftests", sourceTop+"tools/include",
		sourceTop+"arch/x86/include/asm")
	unpack.Stdin = bytes.NewReader(archive)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	libraries := filepath.Join(dir, "lib")
	for _, f := range []string{"usr/include/sys/capability.h", "usr/include/cap-ng.h", "usr/include/popt.h",
		"usr/lib/x86_64-linux-gnu/libcap.a", "usr/lib/x86_64-linux-gnu/libcap-ng.a", "usr/lib/x86_64-linux-gnu/libpopt.a"} {
		name, data, ok := packages.Find(f)
		if !ok {
			t.Fatalf("%s is in none of the packages", f)
		}
		put(t, filepath.Join(libraries, strings.TrimPrefix(name, "usr/")), data)
	}
	out := filepath.Join(dir, "st")
	top := filepath.Join(dir, sourceTop, "tools/testing/selftests")
	lines := filepath.Join(dir, "lines.c")
	put(t, lines, []byte(lineBuffered))
	var list strings.Builder
	for _, s := range tests {
		fmt.Fprintln(&list, s.id(), s.prepare)
		program := filepath.Join(out, s.id())
		if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
			t.Fatal(err)
		}
		if edit, is := edits[s.id()]; is {
			name := filepath.Join(top, s.id()+".c")
			text, err := os.ReadFile(name)
			if err != nil || !strings.Contains(string(text), edit[0]) {
				t.Fatalf("%s: %q is not there, %v", name, edit[0], err)
			}
			put(t, name, []byte(strings.ReplaceAll(string(text), edit[0], edit[1])))
		}
		args := append([]string{"-static", "-s", cmp.Or(optimised[s.folder], "-O0"), "-w", "-std=gnu99", "-D_GNU_SOURCE", "-DCAN_BUILD_64", "-pthread", "-no-pie",
			"-I.", "-I..", "-I../include", "-I../..", "-I" + top, "-I" + filepath.Join(libraries, "include"), "-o", program, s.name + ".c", lines}, s.sources...)
		if s.folder == "rseq" {
			args = append(args, "-I../../../include")
		}
		args = append(append(args, s.flags...), "-L"+filepath.Join(libraries, "lib/x86_64-linux-gnu"), "-lcap", "-lcap-ng", "-lpopt", "-lrt", "-ldl", "-lm")
		cc := exec.Command("gcc", args...)
		cc.Dir = filepath.Join(top, s.folder)
		if text, err := cc.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s.id(), err, text)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	put(t, filepath.Join(out, "list"), []byte(list.String()))
	put(t, filepath.Join(out, "run.sh"), []byte(selftestScript))
	return out
}

var (
	// The forms in which a selftest says how one of its tests went.
	verdictFirst = regexp.MustCompile(`^[\s#]*(ok|not ok|Bail out!|\[OK\]|\[FAIL\]|\[PASS\]|\[SKIP\])\s*(\d*)(.*)`)
	verdictLast  = regexp.MustCompile(`^(.*?)[:\s]+(PASS|FAIL|\[OK\]|\[FAILED\])`)
	// What is of the run: addresses, processes, times.
	numbers = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+`)
)

// verdicts gathers what each program reported, and its exit status.
func verdicts(out string) results {
	all := results{}
	program := ""
	for _, line := range strings.Split(out, "\n") {
		line = strings.TrimRight(line, "\r")
		if rest, is := strings.CutPrefix(line, "### "); is {
			program = rest
			continue
		}
		if rest, is := strings.CutPrefix(line, "=== "); is {
			all.add(program+": exit", rest[strings.LastIndexByte(rest, ' ')+1:])
			program = ""
			continue
		}
		if program == "" {
			continue
		}
		if m := verdictFirst.FindStringSubmatch(line); m != nil {
			all.add(program+": "+m[2]+clean(m[3]), m[1])
		} else if m := verdictLast.FindStringSubmatch(line); m != nil {
			all.add(program+": "+clean(m[1]), m[2])
		}
	}
	return all
}

// clean makes the text of a result the same in every run.
func clean(text string) string {
	return strings.Join(strings.Fields(numbers.ReplaceAllString(text, "N")), " ")
}
