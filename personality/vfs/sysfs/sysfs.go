// Package sysfs is the skeleton of /sys: what common programs look for. There is
// one processor and there are no devices to show; files are rows of a table and never
// change. It imports vfs and usermem.
package sysfs

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
)

// files is every file by path, in the order of their directories. A path that ends in a
// slash is an empty directory.
var files = []struct{ path, text string }{
	{"block/", ""},
	{"bus/event_source/devices/uprobe/cpumask", "0\n"},
	{"bus/event_source/devices/uprobe/format/ref_ctr_offset", "config:32-63\n"},
	{"bus/event_source/devices/uprobe/format/retprobe", "config:0\n"},
	{"bus/event_source/devices/uprobe/type", strconv.Itoa(UprobeType) + "\n"},
	{"class/block/", ""},
	{"class/net/", ""},
	{"class/tty/", ""},
	{"dev/block/", ""},
	{"dev/char/", ""},
	{"devices/system/cpu/cpu0/topology/core_cpus", "1\n"},
	{"devices/system/cpu/cpu0/topology/core_cpus_list", "0\n"},
	{"devices/system/cpu/cpu0/topology/core_id", "0\n"},
	{"devices/system/cpu/cpu0/topology/core_siblings", "1\n"},
	{"devices/system/cpu/cpu0/topology/core_siblings_list", "0\n"},
	{"devices/system/cpu/cpu0/topology/physical_package_id", "0\n"},
	{"devices/system/cpu/cpu0/topology/thread_siblings", "1\n"},
	{"devices/system/cpu/cpu0/topology/thread_siblings_list", "0\n"},
	{"devices/system/cpu/isolated", "\n"},
	{"devices/system/cpu/kernel_max", "0\n"},
	{"devices/system/cpu/offline", "\n"},
	{"devices/system/cpu/online", "0\n"},
	{"devices/system/cpu/possible", "0\n"},
	{"devices/system/cpu/present", "0\n"},
	{"devices/system/node/has_cpu", "0\n"},
	{"devices/system/node/node0/cpulist", "0\n"},
	{"devices/system/node/node0/cpumap", "1\n"},
	{"devices/system/node/online", "0\n"},
	{"devices/system/node/possible", "0\n"},
	{"devices/virtual/", ""},
	{"firmware/", ""},
	{"fs/cgroup/", ""},
	{"hypervisor/", ""},
	{"kernel/debug/", ""},
	{"kernel/mm/hugepages/", ""},
	{"kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"},
	{"kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n"},
	{"kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise [never] deny force\n"},
	{"kernel/security/", ""},
	{"kernel/tracing/", ""},
	{"module/", ""},
	{"power/", ""},
}

// UprobeType is the type of events of the uprobe unit (perf_event_open(2), dynamic PMU).
const UprobeType = 9

// fileSize is what stat(2) shows of every file: a page.
const fileSize = 4096

// Type is sysfs as a kind of file system, with its one instance. It implements vfs.FSType.
type Type struct {
	v     *vfs.VFS
	super *vfs.Super
}

// New makes the type and registers it.
func New(v *vfs.VFS) *Type {
	t := &Type{v: v}
	v.RegisterType(t)
	return t
}

// Super is the instance, made at the first call.
func (t *Type) Super() *vfs.Super {
	if t.super != nil {
		return t.super
	}
	s := t.v.NewSuper(t, "")
	s.InCore = true
	t.super = s
	root := t.dir(s)
	t.v.NewRoot(s, root)
	for _, f := range files {
		t.add(f.path, f.text)
	}
	return s
}

func (t *Type) dir(s *vfs.Super) *vfs.Inode {
	in := t.v.NewInode(s, unix.S_IFDIR|0555, node{})
	in.Nlink = 2
	return in
}

// add makes a file and the directories above it.
func (t *Type) add(path, text string) {
	at := t.super.Root
	parts := strings.Split(path, "/")
	for _, name := range parts[:len(parts)-1] {
		next := t.v.Child(at, name)
		if next == nil {
			at.Inode.Nlink++
			next = t.v.AddChild(at, name, t.dir(t.super))
		}
		at = next
	}
	if name := parts[len(parts)-1]; name != "" {
		in := t.v.NewInode(t.super, unix.S_IFREG|0444, node{text: text})
		in.Target, in.Size = path, fileSize
		t.v.AddChild(at, name, in)
	}
}

// Name implements vfs.FSType.
func (*Type) Name() string { return "sysfs" }

// Mount implements vfs.FSType: every mount shows the same.
func (t *Type) Mount(*vfs.Context, string, string) (*vfs.Super, unix.Errno) { return t.Super(), 0 }

// RestoreSuper implements vfs.FSType.
func (t *Type) RestoreSuper(s *vfs.Super) unix.Errno {
	s.InCore = true
	t.super = s
	return 0
}

// RestoreInode implements vfs.FSType: a file that this build does not have is empty.
func (*Type) RestoreInode(in *vfs.Inode) unix.Errno {
	n := node{}
	for _, f := range files {
		if f.path == in.Target {
			n.text = f.text
		}
	}
	in.Ops = n
	return 0
}

// node is a file or a directory.
type node struct {
	vfs.NodeBase
	text string
}

// Open implements vfs.NodeOps.
func (n node) Open(_ *vfs.Context, f *vfs.File) unix.Errno {
	if f.Writable() {
		return unix.EACCES
	}
	return n.Reopen(f)
}

// Reopen implements vfs.NodeOps.
func (n node) Reopen(f *vfs.File) unix.Errno {
	f.Ops = open{text: n.text}
	return 0
}

// open is an open file.
type open struct {
	vfs.FileBase
	text string
}

// Read implements vfs.FileOps.
func (o open) Read(_ *vfs.Context, _ *vfs.File, io *usermem.IO, off int64) (int, unix.Errno) {
	if off >= int64(len(o.text)) {
		return 0, 0
	}
	n, e := io.Put([]byte(o.text[off:]))
	if n > 0 {
		e = 0
	}
	return n, e
}

// Seek implements vfs.FileOps.
func (open) Seek(_ *vfs.Context, f *vfs.File, off int64, whence int) (int64, unix.Errno) {
	return vfs.SeekTo(f, off, whence, fileSize)
}
