package procfs

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
)

// mountFlags are the options of a mount and the flags they stand for, in the order of Linux
// (show_mnt_opts); superFlags those of the file system.
var mountFlags = []struct {
	flag uint64
	name string
}{
	{unix.MS_NOSUID, ",nosuid"}, {unix.MS_NODEV, ",nodev"}, {unix.MS_NOEXEC, ",noexec"},
	{unix.MS_NOATIME, ",noatime"}, {unix.MS_NODIRATIME, ",nodiratime"}, {unix.MS_NOSYMFOLLOW, ",nosymfollow"},
}

var superFlags = []struct {
	flag uint64
	name string
}{
	{unix.MS_SYNCHRONOUS, ",sync"}, {unix.MS_DIRSYNC, ",dirsync"}, {unix.MS_MANDLOCK, ",mand"}, {unix.MS_LAZYTIME, ",lazytime"},
}

// escape makes a word of a name (mangle of Linux).
var escape = strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`).Replace

func readWrite(readOnly bool) string {
	if readOnly {
		return "ro"
	}
	return "rw"
}

func mountOptions(m *vfs.Mount) string {
	var b strings.Builder
	for _, f := range mountFlags {
		if m.Flags&f.flag != 0 {
			b.WriteString(f.name)
		}
	}
	// Without another wish access times are relative (mount(2)).
	if m.Flags&(unix.MS_NOATIME|unix.MS_STRICTATIME) == 0 {
		b.WriteString(",relatime")
	}
	return b.String()
}

func superOptions(m *vfs.Mount) string {
	var b strings.Builder
	for _, f := range superFlags {
		if m.Super.Flags&f.flag != 0 {
			b.WriteString(f.name)
		}
	}
	return b.String()
}

// typeOptions are those that only the type of file system knows.
func typeOptions(m *vfs.Mount) string {
	if m.Super.Options == "" {
		return ""
	}
	return "," + escape(m.Super.Options)
}

// visible calls fn for every mount below the root of the process.
func (r *request) visible(fn func(m *vfs.Mount, at string)) {
	for _, m := range r.fs.v.Mounts() {
		at := "/"
		c := vfs.Context{V: r.fs.v, FS: r.c.FS}
		if r.t != nil && r.t.FS != nil {
			c.FS = r.t.FS
		}
		name, reachable := c.Name(vfs.Path{Mnt: m, D: m.Root})
		if !reachable {
			continue
		}
		if name != "" {
			at = name
		}
		fn(m, at)
	}
}

func source(m *vfs.Mount) string {
	if m.Source == "" {
		return "none"
	}
	return escape(m.Source)
}

// showMounts is /proc/PID/mounts, in the form of fstab(5).
func showMounts(r *request) ([]byte, unix.Errno) {
	var b []byte
	r.visible(func(m *vfs.Mount, at string) {
		ro := (m.Flags|m.Super.Flags)&unix.MS_RDONLY != 0
		b = fmt.Appendf(b, "%s %s %s %s%s%s%s 0 0\n", source(m), escape(at), m.Super.Type,
			readWrite(ro), superOptions(m), mountOptions(m), typeOptions(m))
	})
	return b, 0
}

// showMountinfo is /proc/PID/mountinfo (proc(5)).
func showMountinfo(r *request) ([]byte, unix.Errno) {
	var b []byte
	r.visible(func(m *vfs.Mount, at string) {
		parent := m.Number
		if m.Up != nil {
			parent = m.Up.Number
		}
		dev := m.Super.Dev
		root := "/"
		if m.Root != m.Super.Root {
			root = inside(m.Root)
		}
		b = fmt.Appendf(b, "%d %d %d:%d %s %s %s%s - %s %s %s%s%s\n", m.Number, parent,
			unix.Major(dev), unix.Minor(dev), escape(root), escape(at),
			readWrite(m.Flags&unix.MS_RDONLY != 0), mountOptions(m), m.Super.Type, source(m),
			readWrite(m.Super.Flags&unix.MS_RDONLY != 0), superOptions(m), typeOptions(m))
	})
	return b, 0
}

// inside is the name of a directory in its file system.
func inside(d *vfs.Dentry) string {
	name := ""
	for ; d.Parent != d; d = d.Parent {
		name = "/" + d.Name + name
	}
	if name == "" {
		return "/"
	}
	return name
}
