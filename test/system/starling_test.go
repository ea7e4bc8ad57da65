package system

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// starling is the path of the command under test.
func starling(t testing.TB) string {
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

// patience is how long one run may take: a boot takes a second, and the machine
// that tests run on may be busy.
const patience = 3 * time.Minute

// How long runs may take that do much in one boot.
const (
	manyRuns   = 8 * time.Minute
	hostileRun = 5 * time.Minute
	crowdRun   = 6 * time.Minute
)

// result is what a run looks like from outside.
type result struct {
	Out, Err string
	Status   int
}

// run runs a command with the given standard input.
func run(t testing.TB, stdin string, name string, args ...string) result {
	t.Helper()
	return runWithin(t, patience, stdin, name, args...)
}

// guestWithin is guest for a run that may take longer, without standard input.
func guestWithin(t testing.TB, limit time.Duration, flagsAndProgram ...string) result {
	t.Helper()
	return runWithin(t, limit, "", starling(t), append([]string{"run"}, flagsAndProgram...)...)
}

func runWithin(t testing.TB, limit time.Duration, stdin string, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %q does not end; output so far %q, errors %q", name, args, out.String(), errs.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	r := result{out.String(), errs.String(), c.ProcessState.ExitCode()}
	if s, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		r.Status = 128 + int(s.Signal())
	}
	return r
}

// guest runs a program under Starling.
func guest(t testing.TB, stdin string, flagsAndProgram ...string) result {
	t.Helper()
	return run(t, stdin, starling(t), append([]string{"run"}, flagsAndProgram...)...)
}

// host runs a script with the host's busybox, whose applets are the same as the
// guest's, in an empty directory.
func host(t testing.TB, stdin, script string) result {
	t.Helper()
	applets := t.TempDir()
	if out, err := exec.Command("busybox", "--install", "-s", applets).CombinedOutput(); err != nil {
		t.Fatalf("busybox --install: %v\n%s", err, out)
	}
	const wrapper = `cd "$1" && PATH=$2 && export PATH && unset OLDPWD && exec busybox sh -c "$3"`
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "busybox", "sh", "-c", wrapper, "sh", t.TempDir(), applets+":/bin", script)
	c.Env = []string{"HOME=/root"}
	c.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), c.ProcessState.ExitCode()}
}
