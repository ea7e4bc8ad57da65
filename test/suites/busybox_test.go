//go:build suites

package suites

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// busyboxDeviations are busybox's tests that say nothing about the system: they need a network
// or a block device, or print a different thing every time.
var busyboxDeviations = []deviation{
	{test: "wget*", why: "needs a network"},
	{test: "hostname-d-works", why: "needs a name server"},
}

// longComputations are the two tests of bc that print and read millions of numbers: too long for an emulated processor, and no
// system call that the tests beside them do not make.
var longComputations = regexp.MustCompile(`(?s)testing "bc (parsing|printing) of numbers".*?\n}'\n`)

// TestBusybox runs busybox's test suite (Debian's source package) with Debian's static busybox.
func TestBusybox(t *testing.T) {
	src, err := Source("busybox")
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(src, "debian/config/pkg/static"))
	if err != nil {
		t.Fatal(err)
	}
	root := busyboxTree(t)
	addFolder(t, root, filepath.Join(src, "testsuite"), "/bb/testsuite")
	script := "cd /bb/testsuite && export SKIP_KNOWN_BUGS=1 LC_ALL=C.UTF-8\n" +
		"for a in $(busybox --list); do if [ -d $a -o -e $a.tests ]; then ./runtest $a 2>&1; fi; done </dev/null\n" +
		"echo '" + finished + "'\n"
	bc, err := os.ReadFile(filepath.Join(src, "testsuite/bc.tests"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(longComputations.FindAll(bc, -1)); n != 2 {
		t.Fatalf("%d long computations in bc.tests", n)
	}
	add(t, root.File("/bb/testsuite/bc.tests", 0o755, longComputations.ReplaceAll(bc, nil)), root.File("/bb/.config", 0o644, config), root.File("/bb/run.sh", 0o755, []byte(script)),
		root.Link("/bb/busybox", "/bin/busybox"))
	g := &guest{root: root, script: "/bb/run.sh", memory: 1 << 30, limit: time.Hour}
	got := busyboxVerdicts(g.starling(t))
	compare(t, busyboxVerdicts(g.linux(t)), got, 400, busyboxDeviations)
}

func busyboxVerdicts(out string) results {
	all := results{}
	for _, line := range strings.Split(out, "\n") {
		if verdict, name, ok := strings.Cut(strings.TrimRight(line, "\r"), ": "); ok {
			switch verdict {
			case "PASS", "FAIL", "SKIPPED", "UNTESTED":
				all.add(name, verdict)
			}
		}
	}
	return all
}

// add checks what was put into a tree.
func add(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
