package procfs

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
)

// entry is one row: a file, link or directory of /proc.
type entry struct {
	name string
	mode uint32 // type and permissions
	// show makes the text of a file.
	show func(r *request) ([]byte, unix.Errno)
	// store takes what was written to it.
	store func(r *request, text string) unix.Errno
	// link makes the text of a link; place is where it leads when it is a magic one.
	link  func(r *request) (string, unix.Errno)
	place func(r *request) (vfs.Path, unix.Errno)
	// private: only who may trace the process may look.
	private bool
	// open replaces the file operations: mem.
	open func(r *request, f *vfs.File) unix.Errno
	// list and find make the names of a directory that depend on the process.
	list func(r *request, emit func(name string, key int64, typ uint32) bool)
	find func(r *request, name string) (child *entry, key int64, ok bool)

	children []*entry
}

func dir(name string, children ...*entry) *entry {
	return &entry{name: name, mode: unix.S_IFDIR | 0555, children: children}
}

func file(name string, show func(*request) ([]byte, unix.Errno)) *entry {
	return &entry{name: name, mode: unix.S_IFREG | 0444, show: show}
}

// constant is a file whose text never changes.
func constant(name, text string) *entry {
	return file(name, func(*request) ([]byte, unix.Errno) { return []byte(text), 0 })
}

func (e *entry) child(name string) *entry {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (e *entry) isDir() bool { return e.mode&unix.S_IFMT == unix.S_IFDIR }

// The trees that a node can be in (state.Inode.Kind).
const (
	treeRoot    = iota // /proc
	treeProcess        // /proc/PID; Key0 is the number
	treeThread         // /proc/PID/task/TID
)

// node is an inode of /proc. Its tree, path in the tree and keys are in the state, the
// rest is found again.
type node struct {
	vfs.NodeBase
	fs    *FS
	e     *entry
	tree  uint32
	path  string // in the tree, "" for its root
	task  int32  // process or thread
	group int32  // treeThread: the process
	key   int64  // descriptor, for rows below fd
}

// request is one look at a node.
type request struct {
	*node
	c *vfs.Context
	t *Task // nil in treeRoot
}

// request finds the task of a node. ESRCH when it is gone.
func (n *node) request(c *vfs.Context) (*request, unix.Errno) {
	r := &request{node: n, c: c}
	var ok bool
	switch n.tree {
	case treeRoot:
		return r, 0
	case treeProcess:
		r.t, ok = n.fs.source.Process(n.task)
	case treeThread:
		r.t, ok = n.fs.source.Thread(n.task)
		ok = ok && r.t.PID == n.group
	}
	if !ok {
		return nil, unix.ESRCH
	}
	return r, 0
}

// inode makes the inode of a node.
func (fs *FS) inode(n node) *vfs.Inode {
	in := fs.v.NewInode(fs.super, n.e.mode, &n)
	in.Kind, in.Target = n.tree, n.path
	in.Key0, in.Key1 = uint64(uint32(n.group))<<32|uint64(uint32(n.task)), uint64(n.key)
	in.Ino = inodeNumber(&n)
	if n.e.isDir() {
		in.Nlink = 2
		for _, c := range n.e.children {
			if c.isDir() {
				in.Nlink++
			}
		}
	}
	if n.e == fdLink {
		in.Size, in.Mode = fdLinkSize, unix.S_IFLNK|n.linkMode()
	}
	switch {
	case n.tree != treeRoot && n.path == "":
		in.Flags |= vfs.InodeFixed
	case n.tree != treeRoot:
		in.Flags |= vfs.InodeFixedMode
	}
	n.own(in)
	return in
}

// ProcessID implements vfs.ProcessDirectory.
func (n *node) ProcessID() (int32, bool) { return n.task, n.tree == treeProcess && n.path == "" }

// fdLinkSize is what stat(2) shows of the links below fd.
const fdLinkSize = 64

// inodeNumber is the same whenever a file is looked up: FNV-1a over all that names it.
func inodeNumber(n *node) uint64 {
	h := uint64(14695981039346656037)
	add := func(c byte) { h = (h ^ uint64(c)) * 1099511628211 }
	for _, v := range [3]uint64{uint64(n.tree), uint64(uint32(n.task)), uint64(n.key)} {
		for i := 0; i < 64; i += 8 {
			add(byte(v >> i))
		}
	}
	for i := 0; i < len(n.path); i++ {
		add(n.path[i])
	}
	if n.tree == treeRoot && n.path == "" {
		return 1 // PROC_ROOT_INO
	}
	return h>>32 | 1<<31 // it shows as a number of ten digits, as Linux's do
}

// own gives the inode the owner of the process: the effective ids, or root when
// it must not be traced (proc(5)).
func (n *node) own(in *vfs.Inode) {
	in.Uid, in.Gid = 0, 0
	if n.tree == treeRoot {
		return
	}
	r, e := n.request(nil)
	if e == 0 && (r.t.Dumpable || n.path == "") && r.t.Cred != nil {
		in.Uid, in.Gid = r.t.Cred.EUID, r.t.Cred.EGID
	}
}

// Valid implements vfs.NodeOps.
func (n *node) Valid(*vfs.Inode) bool {
	r, e := n.request(nil)
	if e != 0 {
		return false
	}
	if n.key >= 0 {
		return r.t.Files != nil && r.t.Files.Get(int32(n.key)) != nil
	}
	return true
}

// Refresh implements vfs.NodeOps.
func (n *node) Refresh(c *vfs.Context, in *vfs.Inode) {
	n.own(in)
	if n.tree == treeRoot && n.path == "" {
		in.Nlink = 2 + uint32(len(n.fs.source.Processes()))
	}
	if n.key >= 0 && n.e == fdLink {
		in.Mode = unix.S_IFLNK | n.linkMode()
	}
}

// noKey is the key of rows that have none.
const noKey = -1

// Lookup implements vfs.NodeOps.
func (n *node) Lookup(c *vfs.Context, _ *vfs.Inode, name string) (*vfs.Inode, unix.Errno) {
	r, e := n.request(c)
	if e != 0 {
		return nil, unix.ENOENT
	}
	if child := n.e.child(name); child != nil {
		return n.fs.inode(n.below(child)), 0
	}
	if n.e.find != nil {
		if child, key, ok := n.e.find(r, name); ok {
			m := n.below(child)
			m.key = key
			return n.fs.inode(m), 0
		}
		return nil, unix.ENOENT
	}
	switch {
	case n.tree == treeRoot && n.path == "":
		if id, ok := number(name); ok {
			if t, ok := n.fs.source.Process(id); ok {
				return n.fs.inode(node{fs: n.fs, e: processTree, tree: treeProcess, task: id, group: t.PID, key: noKey}), 0
			}
		}
	case n.tree == treeProcess && n.path == "task":
		if id, ok := number(name); ok {
			if t, ok := n.fs.source.Thread(id); ok && t.PID == r.t.PID {
				return n.fs.inode(node{fs: n.fs, e: threadTree, tree: treeThread, task: id, group: t.PID, key: noKey}), 0
			}
		}
	}
	return nil, unix.ENOENT
}

// below is the node of a child.
func (n *node) below(child *entry) node {
	m := *n
	m.e, m.key = child, noKey
	if m.path != "" {
		m.path += "/"
	}
	m.path += child.name
	return m
}

// number is a process number as a name: no sign, no leading zero.
func number(s string) (int32, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' || len(s) > 10 {
		return 0, false
	}
	v, err := strconv.ParseInt(s, 10, 32)
	return int32(v), err == nil
}

// Positions of names in a directory: fixed rows, then numbers.
const (
	firstRow    = 2
	firstNumber = 256
)

// Readdir implements vfs.NodeOps.
func (n *node) Readdir(c *vfs.Context, _ *vfs.Inode, pos int64, out *vfs.DirSink) unix.Errno {
	r, e := n.request(c)
	if e != 0 {
		return unix.ENOENT
	}
	for i := max(0, pos-firstRow); i < int64(len(n.e.children)) && pos < firstNumber; i++ {
		child := n.below(n.e.children[i])
		if !out.Emit(child.e.name, inodeNumber(&child), child.e.mode, i+firstRow+1) {
			return 0
		}
	}
	emit := func(name string, key int64, typ uint32, m node) bool {
		at := key + firstNumber
		return at < pos || out.Emit(name, inodeNumber(&m), typ, at+1)
	}
	switch {
	case n.e.list != nil:
		n.e.list(r, func(name string, key int64, typ uint32) bool {
			m := *n
			m.key, m.path = key, n.path+"/*"
			return emit(name, key, typ, m)
		})
	case n.tree == treeRoot && n.path == "":
		for _, id := range n.fs.source.Processes() {
			m := node{tree: treeProcess, task: id, key: noKey}
			if !emit(strconv.Itoa(int(id)), int64(id), unix.S_IFDIR, m) {
				break
			}
		}
	case n.tree == treeProcess && n.path == "task":
		for _, id := range n.fs.source.Threads(n.group) {
			m := node{tree: treeThread, task: id, key: noKey}
			if !emit(strconv.Itoa(int(id)), int64(id), unix.S_IFDIR, m) {
				break
			}
		}
	}
	return 0
}

// Readlink implements vfs.NodeOps.
func (n *node) Readlink(c *vfs.Context, _ *vfs.Inode) (string, unix.Errno) {
	r, e := n.request(c)
	if e != 0 {
		return "", unix.ENOENT
	}
	if n.e.private && !r.mayTrace() {
		return "", unix.EACCES
	}
	if n.e.link != nil {
		return n.e.link(r)
	}
	p, e := n.e.place(r)
	if e != 0 {
		return "", e
	}
	s, _ := c.Name(p)
	return s, 0
}

// Jump implements vfs.NodeOps.
func (n *node) Jump(c *vfs.Context, _ *vfs.Inode) (vfs.Path, bool, unix.Errno) {
	if n.e.place == nil {
		return vfs.Path{}, false, 0
	}
	r, e := n.request(c)
	if e != 0 {
		return vfs.Path{}, false, unix.ENOENT
	}
	if n.e.private && !r.mayTrace() {
		return vfs.Path{}, false, unix.EACCES
	}
	p, e := n.e.place(r)
	return p, e == 0, e
}

// Truncate implements vfs.NodeOps: O_TRUNC is allowed where writing is, and does nothing.
func (n *node) Truncate(*vfs.Context, *vfs.Inode, int64) unix.Errno {
	if n.e.store == nil && n.e.open == nil {
		return unix.EACCES
	}
	return 0
}

// mayTrace is ptrace_may_access of Linux: one's own process, or the same user everywhere
// and dumpable, or CAP_SYS_PTRACE (ptrace(2), "Ptrace access mode checking").
func (r *request) mayTrace() bool {
	if r.c == nil || r.c.PID == r.t.PID {
		return true
	}
	if r.c.Cred.Has(unix.CAP_SYS_PTRACE) {
		return true
	}
	a, b := r.c.Cred, r.t.Cred
	return b != nil && r.t.Dumpable && a.FSUID == b.UID && a.FSUID == b.EUID && a.FSUID == b.SUID &&
		a.FSGID == b.GID && a.FSGID == b.EGID && a.FSGID == b.SGID && b.Permitted&^a.Permitted == 0
}

// resolve finds the row of a path in a tree.
func resolve(tree uint32, path string) *entry {
	var e *entry
	switch tree {
	case treeRoot:
		e = rootTree
	case treeProcess:
		e = processTree
	case treeThread:
		e = threadTree
	default:
		return nil
	}
	if path == "" {
		return e
	}
	for _, name := range strings.Split(path, "/") {
		next := e.child(name)
		if next == nil {
			switch {
			case e == fdDir && name == fdLink.name:
				next = fdLink
			case e == fdInfoDir && name == fdInfo.name:
				next = fdInfo
			default:
				return nil
			}
		}
		e = next
	}
	return e
}
