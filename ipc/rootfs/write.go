package rootfs

import (
	"fmt"
	"sort"
	"strings"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Node is one entry of an image to be written.
type Node struct {
	Path     string // no slash at either end; "" is the root directory
	Mode     uint32 // type and permissions as st_mode of stat(2)
	UID, GID uint32
	Device   uint32 // device nodes: makedev(3) number
	Mtime    int64  // ns since 1970
	Target   string // symbolic links
	Data     []byte // regular files
	Size     uint64 // regular files: bytes, where they are more than Data has; the others are zero
	// HardLink is the path of another node that this one is a further name of;
	// everything but Path is taken from there.
	HardLink string
}

// Encode writes an image. The same nodes in any order give the same bytes.
func Encode(nodes []Node) ([]byte, error) {
	sorted := append([]Node(nil), nodes...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Path < sorted[j].Path })
	if len(sorted) > MaxEntries {
		return nil, fmt.Errorf("root file system: %d entries, at most %d fit", len(sorted), MaxEntries)
	}
	index := make(map[string]int, len(sorted))
	for i, n := range sorted {
		if _, twice := index[n.Path]; twice {
			return nil, fmt.Errorf("root file system: %q twice", n.Path)
		}
		index[n.Path] = i
	}
	inodes, err := resolveLinks(sorted, index)
	if err != nil {
		return nil, err
	}
	w := writer{nodes: sorted, inodes: inodes, links: make([]uint32, len(sorted)), offsets: make([]uint64, len(sorted))}
	for _, inode := range inodes {
		w.links[inode]++
	}
	w.layout()
	image := w.write()
	if _, err := Open(image); err != nil {
		return nil, fmt.Errorf("root file system: these entries make no valid image: %w", err)
	}
	return image, nil
}

// resolveLinks returns for each node the index of the first node of its inode.
func resolveLinks(nodes []Node, index map[string]int) ([]int, error) {
	target := make([]int, len(nodes))
	first := map[int]int{} // the node that has the contents -> first name in order
	for i := range nodes {
		at := i
		for steps := 0; nodes[at].HardLink != ""; steps++ {
			next, ok := index[nodes[at].HardLink]
			if !ok || steps > len(nodes) {
				return nil, fmt.Errorf("root file system: %q is a hard link to %q, which is not there", nodes[i].Path, nodes[at].HardLink)
			}
			at = next
		}
		target[i] = at
		if _, seen := first[at]; !seen {
			first[at] = i
		}
	}
	inodes := make([]int, len(nodes))
	for i := range nodes {
		content := nodes[target[i]]
		content.Path, content.HardLink = nodes[i].Path, ""
		nodes[i] = content
		inodes[i] = first[target[i]]
	}
	return inodes, nil
}

type writer struct {
	nodes   []Node
	inodes  []int
	links   []uint32
	offsets []uint64

	names      strings.Builder
	namesSize  int
	dataOffset uint64
	size       uint64
}

func roundUp(n uint64) uint64 { return (n + pageSize - 1) &^ (pageSize - 1) }

// entryOffset is where entry i begins behind the header.
func entryOffset(i int) flatbuffers.UOffsetT { return flatbuffers.UOffsetT(i * entrySize) }

// layout places the contents behind the index.
func (w *writer) layout() {
	for _, n := range w.nodes {
		w.namesSize += len(n.Path) + len(n.Target)
	}
	w.dataOffset = roundUp(uint64(headerSize + len(w.nodes)*entrySize + w.namesSize))
	at := w.dataOffset
	for i, n := range w.nodes {
		if n.Mode&TypeMask != TypeFile {
			continue
		}
		if first := w.inodes[i]; first != i {
			w.offsets[i] = w.offsets[first]
			continue
		}
		w.offsets[i] = at
		at += roundUp(uint64(len(n.Data)))
	}
	w.size = at
}

func (w *writer) write() []byte {
	image := make([]byte, w.size)
	for i, n := range w.nodes {
		path := uint32(w.names.Len())
		w.names.WriteString(n.Path)
		target := uint32(w.names.Len())
		w.names.WriteString(n.Target)
		var size, stored uint64
		if n.Mode&TypeMask == TypeFile {
			stored = uint64(len(n.Data))
			size = max(n.Size, stored)
			if w.inodes[i] == i {
				copy(image[w.offsets[i]:], n.Data)
			}
		}
		seconds, nanoseconds := n.Mtime/1e9, n.Mtime%1e9
		if nanoseconds < 0 {
			seconds, nanoseconds = seconds-1, nanoseconds+1e9
		}
		var e Entry
		e.Init(image, headerSize+entryOffset(i))
		e.MutatePath(path)
		e.MutatePathLength(uint32(len(n.Path)))
		e.MutateTarget(target)
		e.MutateTargetLength(uint32(len(n.Target)))
		e.MutateMode(n.Mode)
		e.MutateUid(n.UID)
		e.MutateGid(n.GID)
		e.MutateDevice(n.Device)
		e.MutateInode(uint32(w.inodes[i]))
		e.MutateLinks(w.links[w.inodes[i]])
		e.MutateSize(size)
		e.MutateStored(stored)
		e.MutateOffset(w.offsets[i])
		e.MutateMtime(seconds)
		e.MutateMtimeNanoseconds(uint32(nanoseconds))
	}
	copy(image[headerSize+len(w.nodes)*entrySize:], w.names.String())
	var h Header
	h.Init(image, 0)
	h.MutateMagic(magic)
	h.MutateVersion(version)
	h.MutateSize(w.size)
	h.MutateEntries(uint32(len(w.nodes)))
	h.MutateNamesSize(uint32(w.namesSize))
	h.MutateDataOffset(w.dataOffset)
	h.MutateChecksum(checksum(image[:w.dataOffset]))
	return image
}
