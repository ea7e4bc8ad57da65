package tree

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"

	"starling/ipc/rootfs"
)

// BusyboxPath is where Debian's busybox-static has its program.
const BusyboxPath = "/bin/busybox"

// ErrNoBusybox is returned when the default file system cannot be made.
var ErrNoBusybox = errors.New("no static busybox")

// skeleton is the part of the default file system that is neither busybox nor
// its links. The layout is the merged one that Debian's packages expect.
var skeleton = []rootfs.Node{
	{Path: "dev", Mode: rootfs.TypeDir | 0o755},
	{Path: "etc", Mode: rootfs.TypeDir | 0o755},
	{Path: "home", Mode: rootfs.TypeDir | 0o755},
	{Path: "mnt", Mode: rootfs.TypeDir | 0o755},
	{Path: "proc", Mode: rootfs.TypeDir | 0o555},
	{Path: "root", Mode: rootfs.TypeDir | 0o700},
	{Path: "run", Mode: rootfs.TypeDir | 0o755},
	{Path: "sys", Mode: rootfs.TypeDir | 0o555},
	{Path: "tmp", Mode: rootfs.TypeDir | 0o1777},
	{Path: "usr/bin", Mode: rootfs.TypeDir | 0o755},
	{Path: "usr/sbin", Mode: rootfs.TypeDir | 0o755},
	{Path: "usr/lib", Mode: rootfs.TypeDir | 0o755},
	{Path: "usr/lib64", Mode: rootfs.TypeDir | 0o755},
	{Path: "var/log", Mode: rootfs.TypeDir | 0o755},
	{Path: "var/spool", Mode: rootfs.TypeDir | 0o755},
	{Path: "var/tmp", Mode: rootfs.TypeDir | 0o1777},
	{Path: "bin", Mode: rootfs.TypeLink | 0o777, Target: "usr/bin"},
	{Path: "sbin", Mode: rootfs.TypeLink | 0o777, Target: "usr/sbin"},
	{Path: "lib", Mode: rootfs.TypeLink | 0o777, Target: "usr/lib"},
	{Path: "lib64", Mode: rootfs.TypeLink | 0o777, Target: "usr/lib64"},
	{Path: "var/run", Mode: rootfs.TypeLink | 0o777, Target: "/run"},
	{Path: "etc/hostname", Mode: rootfs.TypeFile | 0o644, Data: []byte("starling\n")},
	{Path: "etc/hosts", Mode: rootfs.TypeFile | 0o644, Data: []byte("127.0.0.1\tlocalhost starling\n::1\tlocalhost\n")},
	{Path: "etc/passwd", Mode: rootfs.TypeFile | 0o644, Data: []byte(
		"root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n")},
	{Path: "etc/group", Mode: rootfs.TypeFile | 0o644, Data: []byte(
		"root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n")},
	{Path: "etc/shells", Mode: rootfs.TypeFile | 0o644, Data: []byte("/bin/sh\n/bin/ash\n")},
	{Path: "etc/nsswitch.conf", Mode: rootfs.TypeFile | 0o644, Data: []byte("passwd: files\ngroup: files\nhosts: files\n")},
	{Path: "etc/profile", Mode: rootfs.TypeFile | 0o644, Data: []byte(
		"export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PS1='\\w \\$ '\n")},
	{Path: "etc/os-release", Mode: rootfs.TypeFile | 0o644, Data: []byte(
		"NAME=Starling\nID=starling\nPRETTY_NAME=\"Starling\"\n")},
}

// Skeleton returns a tree with the directories and settings of the default file
// system, and no programs.
func Skeleton() (*Tree, error) {
	t := New()
	for _, n := range skeleton {
		n.Mtime = Epoch
		if err := t.Put(n); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Busybox returns the default file system: the skeleton, the host's static
// busybox, and a link for each of its applets.
func Busybox(program string) (*Tree, error) {
	data, err := os.ReadFile(program)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w at %s: apt-get install --no-install-recommends busybox-static", ErrNoBusybox, program)
	}
	if err != nil {
		return nil, err
	}
	if err := static(program); err != nil {
		return nil, err
	}
	t, err := Skeleton()
	if err != nil {
		return nil, err
	}
	if err := t.File("usr/bin/busybox", 0o755, data); err != nil {
		return nil, err
	}
	list, err := exec.Command(program, "--list-full").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list-full: %w", program, err)
	}
	for _, applet := range strings.Fields(string(list)) {
		at := clean(applet)
		if t.Has(at) {
			continue
		}
		if dir := path.Dir(at); dir == "." || path.Base(at) == "linuxrc" {
			continue // for an initial RAM disk only
		}
		if err := t.Link(at, "/usr/bin/busybox"); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// static refuses a program that would need libraries of the host.
func static(program string) error {
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("%w: %s: %v", ErrNoBusybox, program, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%w: %s is dynamically linked: apt-get install --no-install-recommends busybox-static", ErrNoBusybox, program)
		}
	}
	return nil
}
