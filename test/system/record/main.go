// Command record writes what the sessions of package recorded print on this machine's Linux into
// test/system/testdata, which it is started in the folder above of:
//
//	cd test/system && go run ./record strace gdb interpreters
//
// The machine is a Debian 12 with the tools' packages and busybox-static, the caller is root, ptrace(2) is
// allowed and core files are called core.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"starling/test/system/recorded"
)

// recorders print what sessions print; dir is an empty folder.
var recorders = map[string]struct {
	run   func(dir string) (string, error)
	cut   func(string) ([]recorded.Text, error)
	tools []string
}{
	"strace":       {strace, recorded.Traces, []string{"strace", "taskset"}},
	"gdb":          {debuggers, recorded.Debugged, []string{"gdb", "gdbserver", "gcc"}},
	"interpreters": {interpreters, recorded.Interpreted, []string{"perl", "lua5.4", "dash"}},
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "record: name what to record: strace, gdb, interpreters")
		os.Exit(2)
	}
	for _, name := range os.Args[1:] {
		if err := record(name); err != nil {
			fmt.Fprintf(os.Stderr, "record: %s: %v\n", name, err)
			os.Exit(1)
		}
	}
}

func record(name string) error {
	r, ok := recorders[name]
	if !ok {
		return fmt.Errorf("no such sessions")
	}
	version, err := os.ReadFile("/etc/debian_version")
	if err != nil || !strings.HasPrefix(string(version), "12.") || os.Getuid() != 0 {
		return fmt.Errorf("sessions are recorded as root of Debian 12, whose tools the guest has")
	}
	for _, tool := range append(r.tools, "busybox") {
		if _, err := exec.LookPath(tool); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out, err := r.run(dir)
	if err != nil {
		return err
	}
	list, err := r.cut(out)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := os.WriteFile(filepath.Join("testdata", s.File), []byte(s.Text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func output(c *exec.Cmd) (string, error) {
	c.Stderr = os.Stderr
	out, err := c.Output()
	return string(out), err
}

// applets makes links to busybox's applets, as the guest has them.
func applets(dir string) (string, error) {
	dir = filepath.Join(dir, "applets")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	return dir, exec.Command("busybox", "--install", "-s", dir).Run()
}

// strace runs on one processor, as the guest has.
func strace(dir string) (string, error) {
	path, err := applets(dir)
	if err != nil {
		return "", err
	}
	turns := filepath.Join(dir, "turns")
	build := exec.Command("go", "build", "-trimpath", "-o", turns, "../programs/turns")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if _, err := output(build); err != nil {
		return "", err
	}
	out, err := output(exec.Command("taskset", "1", "busybox", "env", "-i", "PATH="+path+":/usr/bin", "HOME=/root",
		"/usr/bin/busybox", "sh", "-c", recorded.TraceScript(turns)))
	return strings.ReplaceAll(out, dir, "/usr/bin"), err
}

func debuggers(dir string) (string, error) {
	sessions, err := recorded.PrepareDebugging(".", dir)
	if err != nil {
		return "", err
	}
	out, err := output(exec.Command("busybox", append([]string{"sh", filepath.Join(dir, "sessions"), dir}, sessions...)...))
	return strings.ReplaceAll(out, dir, recorded.Debuggees), err
}

func interpreters(dir string) (string, error) {
	path, err := applets(dir)
	if err != nil {
		return "", err
	}
	c := exec.Command("busybox", "sh", "-c", recorded.InterpreterScript())
	for _, s := range recorded.Interpreters {
		tool, err := exec.LookPath(s.Interpreter)
		if err != nil {
			return "", err
		}
		if err := os.Symlink(tool, filepath.Join(path, s.Interpreter)); err != nil && !os.IsExist(err) {
			return "", err
		}
	}
	c.Dir = "testdata"
	c.Env = []string{"HOME=/root", "PATH=" + path}
	return output(c)
}
