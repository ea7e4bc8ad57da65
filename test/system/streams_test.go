package system

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func lookPath(name string) (string, error) { return exec.LookPath(name) }

// Every byte value goes both ways unchanged when the streams are no terminal.
func TestBytesGoThroughUnchanged(t *testing.T) {
	var all strings.Builder
	for i := range 64 << 10 {
		all.WriteByte(byte(i*7 + i>>8))
	}
	r := guest(t, all.String(), "--", "cat")
	if r.Status != 0 || r.Out != all.String() {
		t.Errorf("status %d, %d of %d bytes, errors %q", r.Status, len(r.Out), all.Len(), r.Err)
	}
}

// A reader that is slower than the writer holds the writer up and loses nothing.
func TestLargeInput(t *testing.T) {
	data := strings.Repeat("0123456789abcdef", 1<<13)
	r := guest(t, data, "--", "sh", "-c", "sleep 0.5; sha256sum")
	want := fmt.Sprintf("%x  -\n", sha256.Sum256([]byte(data)))
	if r.Status != 0 || r.Out != want {
		t.Errorf("status %d, output %q, errors %q, want %q", r.Status, r.Out, r.Err, want)
	}
}

// A program that ends while nobody reads its output: the news of its end wait for the output,
// and come when that has gone out.
func TestOutputIsReadLate(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, starling(t), "run", "--", "sh", "-c", "seq 10000; echo written >&2; exit 3")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	// Less than the program writes, which is less than the console's 64 KiB.
	if _, err := unix.FcntlInt(out.(*os.File).Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	errs, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(errs, make([]byte, len("written\n"))); err != nil {
		t.Fatalf("the program could not write all of it: %v", err)
	}
	all, err := io.ReadAll(out)
	if lines := bytes.Count(all, []byte("\n")); err != nil || lines != 10000 {
		t.Errorf("%d of 10000 lines, %v", lines, err)
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != 3 {
		t.Errorf("%v, want status 3", err)
	}
}

func TestOutputAndErrorsAreApart(t *testing.T) {
	r := guest(t, "", "--", "sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done")
	if r.Out != "out 1\nout 2\nout 3\n" || r.Err != "err 1\nerr 2\nerr 3\n" {
		t.Errorf("output %q, errors %q", r.Out, r.Err)
	}
}

func TestFilesFromTheHost(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("page"), 5000)
	if err := os.WriteFile(filepath.Join(dir, "sub", "big"), big, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sub/big", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	r := guest(t, "", "--add", dir+":/data", "--env", "WHO=you", "--cwd", "/data", "--",
		"sh", "-c", "sha256sum <link; stat -c '%a %s' sub/big; readlink link; pwd; echo $WHO; echo more >>sub/big; tail -c 5 sub/big")
	want := fmt.Sprintf("%x  -\n640 20000\nsub/big\n/data\nyou\nmore\n", sha256.Sum256(big))
	if r.Status != 0 || r.Out != want {
		t.Errorf("status %d, output %q, want %q, errors %q", r.Status, r.Out, want, r.Err)
	}
}

func TestRootFromDirectoryAndArchive(t *testing.T) {
	root := t.TempDir()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "bin", "busybox"), busybox, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "greeting"), []byte("hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "root.cpio")
	pack := exec.Command("sh", "-c", `cd "$1" && find . | busybox cpio -o -H newc >"$2"`, "sh", root, archive)
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("cpio: %v\n%s", err, out)
	}
	for _, from := range []string{root, archive} {
		r := guest(t, "", "--rootfs", from, "--cwd", "/", "--", "/bin/busybox", "cat", "/greeting")
		if r.Status != 0 || r.Out != "hello\n" {
			t.Errorf("%s: status %d, output %q, errors %q", from, r.Status, r.Out, r.Err)
		}
	}
}

// The command can be killed in any way: no QEMU stays behind.
func TestNoQEMUStaysBehind(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		c := exec.Command(starling(t), "run", "--", "sh", "-c", "echo up; sleep 1000")
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 3)
		if _, err := out.Read(buf); err != nil {
			t.Fatalf("%v: no output: %v", sig, err)
		}
		children := childrenOf(t, c.Process.Pid)
		if len(children) == 0 {
			t.Fatal("no QEMU runs, yet there is output")
		}
		_ = c.Process.Signal(sig)
		err = c.Wait()
		if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); sig != syscall.SIGKILL && (!ok || status.ExitStatus() != 128+int(sig)) {
			t.Errorf("%v: %v", sig, err)
		}
		deadline := time.Now().Add(5 * time.Second)
		for _, pid := range children {
			for alive(pid) {
				if time.Now().After(deadline) {
					t.Fatalf("%v: process %s is still there", sig, pid)
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
}

func childrenOf(t *testing.T, pid int) []string {
	t.Helper()
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var all []string
	for _, task := range tasks {
		data, err := os.ReadFile(task)
		if err == nil {
			all = append(all, strings.Fields(string(data))...)
		}
	}
	return all
}

func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
