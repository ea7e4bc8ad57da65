//go:build suites

package suites

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bashTools are the Debian packages that the tests call.
var bashTools = []string{"bash", "coreutils", "diffutils", "findutils", "gawk", "grep", "sed", "locales"}

// bashHelpers are the programs beside the tests that show what a shell gave them.
var bashHelpers = []string{"recho", "zecho", "printenv", "xcase"}

// bashDeviations are the results that differ, with the reason.
var bashDeviations = []deviation{
	{test: "execscript", why: "bash says which process group leads its session: the script runs in one of its own, but on Linux, where it is process 1, in none"},
	{test: "read", why: "read7.sub gives readline a tenth of a millisecond to read five characters: how many it comes to is a matter of speed"},
}

// bashScript runs the tests one after the other. What a test prints differs from what is expected, on Linux too, where the system
// is smaller than the one it was written on: so the difference is the result.
const bashScript = `for f in stdin stdout stderr; do n=${n:--1}; n=$((n+1)); [ -e /dev/$f ] || ln -s /proc/self/fd/$n /dev/$f; done
cd /bash/tests
export THIS_SH=/bin/bash BUILD_DIR=/bash PATH=/bash/tests:$PATH TMPDIR=/tmp BASH_TSTOUT=/tmp/tstout HOME=/root TERM=dumb
unset BASH_ENV SHELLOPTS LANG LC_ALL
while read t; do
echo "### $t"
timeout -s KILL 300 sh ./run-$t </dev/null 2>&1 | head -c 20000 | sed 's/^/| /'
echo
echo "=== $t"
rm -rf /tmp/*
done <../list
echo "` + finished + `"
`

// TestBash runs bash's own test suite (Debian's source package) with Debian's bash.
func TestBash(t *testing.T) {
	src, err := Source("bash")
	if err != nil {
		t.Fatal(err)
	}
	root := busyboxTree(t)
	if err := debian(t).Add(root, bashTools); err != nil {
		t.Fatal(err)
	}
	addFolder(t, root, filepath.Join(src, "tests"), "/bash/tests")
	helpers := t.TempDir()
	for _, name := range bashHelpers {
		to := filepath.Join(helpers, name)
		// As configure would have it, for what these programs use.
		if out, err := exec.Command("gcc", "-static", "-O1", "-w", "-DHAVE_STRING_H", "-DHAVE_STDLIB_H", "-DHAVE_UNISTD_H",
			"-I", filepath.Join(src, "include"), "-I", src, "-include", "stdlib.h", "-include", "string.h", "-include", "unistd.h",
			"-o", to, filepath.Join(src, "support", name+".c")).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		data, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		add(t, root.File(filepath.Join("/bash/tests", name), 0o755, data))
	}
	runs, err := filepath.Glob(filepath.Join(src, "tests", "run-*"))
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	n := 0
	for _, r := range runs {
		switch name := strings.TrimPrefix(filepath.Base(r), "run-"); name {
		case "all", "minimal", "gprof":
		default:
			if wanted(name) {
				list.WriteString(name + "\n")
				n++
			}
		}
	}
	add(t, root.File("/bash/list", 0o644, []byte(list.String())), root.File("/bash/run.sh", 0o755, []byte(bashScript)))
	g := &guest{root: root, script: "/bash/run.sh", memory: 1 << 30, limit: 30 * time.Minute}
	got := bashDifferences(g.starling(t))
	compare(t, bashDifferences(g.linux(t)), got, n, bashDeviations)
}

// bashDifferences gathers what each test printed that was not expected.
func bashDifferences(out string) results {
	all := results{}
	var lines []string
	for _, line := range strings.Split(out, "\n") {
		line = strings.TrimRight(line, "\r")
		if name, ok := strings.CutPrefix(line, "### "); ok && line != finished {
			lines = lines[:0]
		} else if name, ok = strings.CutPrefix(line, "=== "); ok {
			if len(lines) == 0 {
				lines = append(lines, "as expected")
			}
			all.add(name, strings.Join(lines, "\n\t"))
		} else if text, ok := strings.CutPrefix(line, "| "); ok {
			// Notes for people who look at it.
			if !strings.HasPrefix(text, "warning: ") && strings.TrimSpace(text) != "" {
				lines = append(lines, text)
			}
		}
	}
	return all
}
