package tree

import (
	"bytes"
	"fmt"
	"sort"
	"time"

	"github.com/cavaliergopher/cpio"

	"starling/ipc/rootfs"
)

// CPIO writes the tree as a newc archive, which Linux takes as its initial file
// system. Device nodes are not written; each name of a file with several is a file of its own.
func (t *Tree) CPIO() ([]byte, error) {
	var b bytes.Buffer
	w := cpio.NewWriter(&b)
	paths := make([]string, 0, len(t.nodes))
	for p := range t.nodes {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for _, p := range paths {
		n := t.nodes[p]
		if n.HardLink != "" {
			if n = t.nodes[clean(n.HardLink)]; n == nil || n.HardLink != "" {
				return nil, fmt.Errorf("/%s: a hard link to what is no file", p)
			}
		}
		if n.Size > uint64(len(n.Data)) {
			return nil, fmt.Errorf("/%s: sparse files do not go into an initial file system", p)
		}
		body := n.Data
		switch n.Mode & rootfs.TypeMask {
		case rootfs.TypeLink:
			body = []byte(n.Target)
		case rootfs.TypeChar, rootfs.TypeBlock:
			continue
		}
		if p == "" {
			continue
		}
		h := cpio.Header{
			Name: p, Mode: cpio.FileMode(n.Mode), Uid: int(n.UID), Guid: int(n.GID),
			ModTime: time.Unix(0, n.Mtime), Size: int64(len(body)), Linkname: n.Target,
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := w.Write(body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
