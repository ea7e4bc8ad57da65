//go:build suites

package suites

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// notCompared are busybox's tests that say nothing about the system: they need a
// network or a block device, or print a different thing every time.
var notCompared = map[string]string{
	"wget--O-overrides--P":        "needs a network",
	"wget-handles-empty-path":     "needs a network",
	"wget-retrieves-google-index": "needs a network",
	"wget-supports--P":            "needs a network",
	"hostname-d-works":            "needs a name server",

	"pidof -s":                              "is there only where process 1 is called init, as the guest's is",
	"pidof -o %PPID NOP":                    "is there only where process 1 is called init, as the guest's is",
	"taskset (set_aff, needs CAP_SYS_NICE)": "asks for a processor that the host has and the guest has not, or the other way round",
}

// applets whose tests only compute: they take minutes under an emulated processor
// and make no system call that the others do not make.
var computing = []string{"bc", "dc"}

// TestBusybox runs busybox's test suite (Debian's source package) with Debian's
// static busybox on both systems, in the same root file system.
func TestBusybox(t *testing.T) {
	src, err := Source("busybox")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	busyboxRoot(t, root, src)

	script := "cd /bb/testsuite && export PATH=/bin:/sbin:/usr/bin:/usr/sbin SKIP_KNOWN_BUGS=1 LC_ALL=C.UTF-8\n" +
		"for a in $(busybox --list); do case $a in " + strings.Join(computing, "|") + ") ;; *)\n" +
		"if [ -d $a -o -e $a.tests ]; then ./runtest $a; fi;; esac; done </dev/null"

	// The host's run sees a /proc of its own, as the guest's does.
	isolate := []string{"--mount", "--pid", "--fork"}
	if os.Getuid() != 0 {
		isolate = append(isolate, "--user", "--map-root-user")
	}
	host := exec.Command("unshare", append(isolate, "chroot", root, "/bin/busybox", "sh", "-c",
		"/bin/busybox mount -t proc proc /proc\n"+script)...)
	want := results(t, host, 10*time.Minute)

	root2 := t.TempDir()
	busyboxRoot(t, root2, src)
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	guest := exec.CommandContext(ctx, starling(t), "run", "--rootfs", root2, "--mem", "512M", "--timeout", "24m",
		"--", "/bin/busybox", "sh", "-c", script)
	got := results(t, guest, 25*time.Minute)

	if len(want) < 400 {
		t.Fatalf("only %d results on Linux", len(want))
	}
	names := map[string]bool{}
	for n := range want {
		names[n] = true
	}
	for n := range got {
		names[n] = true
	}
	same := 0
	var sorted []string
	for n := range names {
		sorted = append(sorted, n)
	}
	slices.Sort(sorted)
	for _, n := range sorted {
		switch {
		case want[n] == got[n]:
			same++
		case notCompared[n] != "":
			t.Logf("%s: Linux %q, Starling %q: %s", n, want[n], got[n], notCompared[n])
		default:
			t.Errorf("%s: Linux %q, Starling %q", n, want[n], got[n])
		}
	}
	t.Logf("%d of %d results are the same", same, len(sorted))
}

// results runs a suite and gathers the verdict of each test.
func results(t *testing.T, cmd *exec.Cmd, limit time.Duration) map[string]string {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	done := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		t.Logf("%s: %v after %s", filepath.Base(cmd.Path), err, time.Since(start).Round(time.Second))
	case <-time.After(limit):
		cmd.Process.Kill()
		<-done
		t.Errorf("%s: not done after %s", cmd.Path, limit)
	}
	m := map[string]string{}
	for _, line := range strings.Split(out.String(), "\n") {
		if verdict, name, ok := strings.Cut(strings.TrimRight(line, "\r"), ": "); ok {
			switch verdict {
			case "PASS", "FAIL", "SKIPPED", "UNTESTED":
				m[name] = verdict
			}
		}
	}
	if len(m) == 0 {
		t.Errorf("no result at all; the output was\n%s", out.String())
	}
	return m
}

// busyboxRoot builds the root file system: busybox, its applets as links, the suite.
func busyboxRoot(t *testing.T, root, src string) {
	t.Helper()
	for _, d := range []string{"bin", "sbin", "usr/bin", "usr/sbin", "tmp", "dev", "proc", "root", "etc", "bb"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal("busybox is missing: apt-get install busybox-static")
	}
	run(t, "cp", busybox, filepath.Join(root, "bin/busybox"))
	run(t, "cp", "-r", filepath.Join(src, "testsuite"), filepath.Join(root, "bb/testsuite"))
	run(t, "cp", filepath.Join(src, "debian/config/pkg/static"), filepath.Join(root, "bb/.config"))
	list, err := exec.Command(busybox, "--list-full").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, applet := range strings.Fields(string(list)) {
		if err := os.Symlink("/bin/busybox", filepath.Join(root, applet)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"bb/busybox": "", "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n",
		"dev/null": "",
	} {
		path := filepath.Join(root, name)
		if name == "bb/busybox" {
			if err := os.Symlink("/bin/busybox", path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if name == "dev/null" {
			if os.Getuid() == 0 {
				run(t, "mknod", "-m", "666", path, "c", "1", "3")
				run(t, "mknod", "-m", "666", filepath.Join(root, "dev/zero"), "c", "1", "5")
				run(t, "mknod", "-m", "666", filepath.Join(root, "dev/full"), "c", "1", "7")
			}
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// starling is the command, built by make.
func starling(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/starling")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not built: run make", path)
	}
	return path
}
