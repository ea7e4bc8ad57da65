// Package tree builds root file systems: a tree of files in memory, filled from
// a built-in busybox layout, host directories, cpio archives and Debian
// packages, and written as an ipc/rootfs image. It runs on the host.
package tree

import (
	"fmt"
	"path"
	"strings"

	"starling/ipc/rootfs"
)

// Epoch is the time of files that the tree makes itself, so that the same
// input gives the same image: the beginning of 2025, ns since 1970.
const Epoch int64 = 1_735_689_600 * 1_000_000_000

// maxLinks bounds the symbolic links followed for one path, as Linux does.
const maxLinks = 40

// Tree is a file system being put together. Paths are absolute or relative to
// the root, it makes no difference.
type Tree struct {
	nodes map[string]*rootfs.Node
}

// New returns a tree with nothing but the root directory.
func New() *Tree {
	return &Tree{nodes: map[string]*rootfs.Node{"": {Mode: rootfs.TypeDir | 0o755, Mtime: Epoch}}}
}

// Len is the number of entries.
func (t *Tree) Len() int { return len(t.nodes) }

// clean makes a path what the index wants: no slash at either end, no dots.
func clean(p string) string { return strings.TrimPrefix(path.Clean("/"+p), "/") }

// resolve follows the symbolic links in the directory part of a path, so that a
// file put into /bin lands in /usr/bin where one is a link to the other.
func (t *Tree) resolve(p string) (string, error) {
	rest := strings.Split(clean(p), "/")
	at, links := "", 0
	for len(rest) > 1 {
		next := path.Join(at, rest[0])
		rest = rest[1:]
		n := t.nodes[next]
		if n == nil || n.Mode&rootfs.TypeMask != rootfs.TypeLink {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: too many symbolic links", p)
		}
		target := n.Target
		if !path.IsAbs(target) {
			target = path.Join("/"+at, target)
		}
		rest = append(strings.Split(clean(target), "/"), rest...)
		at = ""
	}
	return path.Join(at, rest[0]), nil
}

// Put adds a node, replacing a file that is there; a directory that is there
// keeps its contents and takes the new attributes. Missing parents are made.
func (t *Tree) Put(n rootfs.Node) error {
	p, err := t.resolve(n.Path)
	if err != nil {
		return err
	}
	n.Path = p
	if n.HardLink != "" {
		if n.HardLink, err = t.resolve(n.HardLink); err != nil {
			return err
		}
	}
	if err := t.parents(p); err != nil {
		return err
	}
	old := t.nodes[p]
	switch {
	case old == nil:
	case n.Mode&rootfs.TypeMask == rootfs.TypeDir && n.HardLink == "":
		if old.Mode&rootfs.TypeMask == rootfs.TypeLink {
			if t.isDir(p) {
				return nil // a directory by way of a link, as /bin -> usr/bin
			}
			return fmt.Errorf("/%s: a directory, but a symbolic link that leads to none is there", p)
		}
		if old.Mode&rootfs.TypeMask != rootfs.TypeDir {
			return fmt.Errorf("/%s: a directory, but a file is there", p)
		}
	case old.Mode&rootfs.TypeMask == rootfs.TypeDir && old.HardLink == "":
		if n.Mode&rootfs.TypeMask == rootfs.TypeLink && t.empty(p) {
			break
		}
		return fmt.Errorf("/%s: a file, but a directory is there", p)
	}
	t.nodes[p] = &n
	return nil
}

// parents makes the directories that lead to p.
func (t *Tree) parents(p string) error {
	for i, c := range p {
		if c != '/' {
			continue
		}
		dir := p[:i]
		switch n := t.nodes[dir]; {
		case n == nil:
			t.nodes[dir] = &rootfs.Node{Path: dir, Mode: rootfs.TypeDir | 0o755, Mtime: Epoch}
		case n.Mode&rootfs.TypeMask != rootfs.TypeDir:
			return fmt.Errorf("/%s: /%s is not a directory", p, dir)
		}
	}
	return nil
}

// follow returns what a path leads to, symbolic links followed, nil if nothing.
func (t *Tree) follow(p string) *rootfs.Node {
	for range maxLinks {
		full, err := t.resolve(p)
		if err != nil {
			return nil
		}
		n := t.nodes[full]
		if n == nil || n.Mode&rootfs.TypeMask != rootfs.TypeLink {
			return n
		}
		if p = n.Target; !path.IsAbs(p) {
			p = path.Join("/"+path.Dir(full), p)
		}
	}
	return nil
}

func (t *Tree) isDir(p string) bool {
	n := t.follow(p)
	return n != nil && n.Mode&rootfs.TypeMask == rootfs.TypeDir
}

func (t *Tree) empty(dir string) bool {
	for p := range t.nodes {
		if strings.HasPrefix(p, dir+"/") {
			return false
		}
	}
	return true
}

// Dir adds a directory.
func (t *Tree) Dir(p string, mode uint32) error {
	return t.Put(rootfs.Node{Path: p, Mode: rootfs.TypeDir | mode, Mtime: Epoch})
}

// File adds a regular file.
func (t *Tree) File(p string, mode uint32, data []byte) error {
	return t.Put(rootfs.Node{Path: p, Mode: rootfs.TypeFile | mode, Mtime: Epoch, Data: data})
}

// Link adds a symbolic link.
func (t *Tree) Link(p, target string) error {
	return t.Put(rootfs.Node{Path: p, Mode: rootfs.TypeLink | 0o777, Mtime: Epoch, Target: target})
}

// Has reports whether there is anything at a path, symbolic links followed.
func (t *Tree) Has(p string) bool { return t.follow(p) != nil }

// Find returns the contents of the first regular file, in the order of paths,
// whose path begins with a prefix.
func (t *Tree) Find(prefix string) (p string, data []byte, ok bool) {
	for name, n := range t.nodes {
		if strings.HasPrefix(name, clean(prefix)) && n.Mode&rootfs.TypeMask == rootfs.TypeFile && (!ok || name < p) {
			p, data, ok = name, n.Data, true
		}
	}
	return p, data, ok
}

// Encode writes the image.
func (t *Tree) Encode() ([]byte, error) {
	nodes := make([]rootfs.Node, 0, len(t.nodes))
	for p, n := range t.nodes {
		n.Path = p
		nodes = append(nodes, *n)
	}
	return rootfs.Encode(nodes)
}
