//go:build suites

package suites

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"starling/cmd/starling/bench"
	"starling/cmd/starling/qemu"
	"starling/images/tree"
)

// guest is what both systems boot: the same root file system, the same script in it.
type guest struct {
	root   *tree.Tree
	script string // path in root, for sh
	memory uint64 // bytes
	limit  time.Duration
}

// wanted reports whether a test is to be run: SUITES_ONLY, if it is there, is a regular expression for the names
// of those that are, for who works on one of them.
func wanted(name string) bool { return only.MatchString(name) }

var only = regexp.MustCompile(os.Getenv("SUITES_ONLY"))

// finished is what a script prints last.
const finished = "### finished"

// linuxInit is the first program on Linux: it makes the file systems that Starling mounts itself.
const linuxInit = `#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root USER=root LOGNAME=root SHELL=/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /tmp
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd
ip link set lo up
hostname starling
exec </dev/null >/dev/ttyS0 2>&1
stty -onlcr
sh %s
`

// linux boots Debian's kernel and returns what the script printed. The answer to the same bytes
// is kept: Linux does not change while Starling does.
func (g *guest) linux(t *testing.T) string {
	t.Helper()
	debian := debian(t)
	packages := tree.New()
	if err := debian.AddAlone(packages, bench.LinuxPackage); err != nil {
		t.Fatal(err)
	}
	name, kernel, ok := packages.Find("boot/vmlinuz-")
	if !ok {
		t.Fatal("there is no kernel in " + bench.LinuxPackage)
	}
	if err := g.root.File("init", 0o755, fmt.Appendf(nil, linuxInit, g.script)); err != nil {
		t.Fatal(err)
	}
	initrd, err := g.root.CPIO()
	if err != nil {
		t.Fatal(err)
	}
	// A machine with what Linux calibrates its clock against.
	c := qemu.Config{Machine: "q35", Accel: "tcg", Memory: g.memory, CPU: "max,-la57", Initrd: initrd,
		CommandLine: "console=ttyS0 quiet loglevel=0 panic=-1 nokaslr"}
	digest := sha256.New()
	fmt.Fprintln(digest, name, c.Machine, c.Memory, c.CPU, c.CommandLine)
	digest.Write(initrd)
	kept := filepath.Join(filepath.Dir(debian.Cache), "linux", hex.EncodeToString(digest.Sum(nil)[:16]))
	if out, err := os.ReadFile(kept); err == nil {
		t.Logf("Linux: what it printed in an earlier run of the same, %s", kept)
		return string(out)
	}
	start := time.Now()
	out, err := bootLinux(c, kernel, g.limit, keep(t, "linux"))
	if err != nil {
		t.Errorf("Linux: %v", err)
		return out
	}
	t.Logf("Linux: %s", time.Since(start).Round(time.Second))
	put(t, kept, []byte(out))
	return out
}

// bootLinux returns what the machine prints until it has finished.
func bootLinux(c qemu.Config, kernel []byte, limit time.Duration, besides io.Writer) (string, error) {
	p, err := qemu.Start(c, kernel)
	if err != nil {
		return "", err
	}
	defer p.Kill()
	if err := p.Terminal.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	var out bytes.Buffer
	for buf := make([]byte, 4096); ; {
		n, err := p.Terminal.Read(buf)
		out.Write(buf[:n])
		besides.Write(buf[:n])
		if bytes.HasSuffix(bytes.TrimRight(out.Bytes(), "\r\n"), []byte(finished)) {
			return out.String(), nil
		}
		if errors.Is(err, io.EOF) {
			return out.String(), errors.New("it ended before the script did")
		}
		if err != nil {
			return out.String(), err
		}
	}
}

// starling runs the script on Starling.
func (g *guest) starling(t *testing.T) string {
	t.Helper()
	archive, err := g.root.CPIO()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "root.cpio")
	put(t, file, archive)
	ctx, cancel := context.WithTimeout(t.Context(), g.limit+time.Minute)
	defer cancel()
	start := time.Now()
	cmd := exec.CommandContext(ctx, starling(t), "run", "--mem", fmt.Sprintf("%dM", g.memory>>20), "--rootfs", file,
		"--timeout", g.limit.String(), "--", "sh", g.script)
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(&out, keep(t, "starling"))
	cmd.Stderr = cmd.Stdout
	if err := cmd.Run(); err != nil {
		t.Errorf("starling run: %v", err)
	}
	t.Logf("Starling: %s", time.Since(start).Round(time.Second))
	return out.String()
}

// keep is where the output of a system goes besides: a file in the folder SUITES_OUTPUT, for those
// who want to see it while the suite runs, or afterwards.
func keep(t *testing.T, system string) io.Writer {
	t.Helper()
	dir := os.Getenv("SUITES_OUTPUT")
	if dir == "" {
		return io.Discard
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")+"."+system))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
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

// busyboxTree is the default root file system of Starling.
func busyboxTree(t *testing.T) *tree.Tree {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal("busybox is missing: apt-get install busybox-static")
	}
	root, err := tree.Busybox(busybox)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// cache is the folder of the user's cache that is ours.
func cache(t *testing.T) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "starling")
}

func debian(t *testing.T) *tree.Debian {
	return &tree.Debian{Cache: filepath.Join(cache(t), "debian"), Log: t.Logf}
}

// addFolder puts a folder of the host into a tree, without the times of the files: the same
// contents give the same archive.
func addFolder(t *testing.T, root *tree.Tree, host, at string) {
	t.Helper()
	err := filepath.WalkDir(host, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(host, name)
		if err != nil {
			return err
		}
		guest := filepath.Join(at, inside)
		st, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return root.Dir(guest, uint32(st.Mode().Perm()))
		case st.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			return root.Link(guest, target)
		case !st.Mode().IsRegular():
			return fmt.Errorf("%s is neither file nor folder", name)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return root.File(guest, uint32(st.Mode().Perm()), data)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
