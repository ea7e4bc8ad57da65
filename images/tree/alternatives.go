package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"starling/ipc/rootfs"
)

// Many programs of Debian have their name by way of update-alternatives(1) only: vim, java, php, awk. Packages register
// them in their postinst, which is a program for the shell and cannot run on the host. It is interpreted
// here: it sees the files of the tree and no others, stores nothing, and every command that it calls does nothing and
// succeeds, but update-alternatives.

// alternative is a name and what is to stand behind it.
type alternative struct {
	priority int
	links    []alternativeLink // the first is the name itself, the others are its slaves
}

type alternativeLink struct{ link, name, target string }

// alternatives is what has been registered, by name.
type alternatives map[string]alternative

// scriptTime is what one script gets: none should need a hundredth of it.
const scriptTime = 5 * time.Second

// run interprets a postinst and notes what it registers. What is no program for the shell registers nothing.
func (a alternatives) run(ctx context.Context, t *Tree, script string) error {
	if first, _, _ := strings.Cut(script, "\n"); !strings.HasPrefix(first, "#!") || !strings.Contains(first, "sh") {
		return nil
	}
	f, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(script), "postinst")
	if err != nil {
		if f, err = syntax.NewParser().Parse(strings.NewReader(script), "postinst"); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	r, err := interp.New(interp.Params("--", "configure", ""), interp.StdIO(nil, io.Discard, io.Discard), interp.Dir("/"),
		interp.Env(expand.ListEnviron("PATH=/nowhere", "DPKG_MAINTSCRIPT_NAME=postinst", "DEBIAN_FRONTEND=noninteractive", "HOME=/")),
		interp.OpenHandler(t.openForScript), interp.StatHandler(t.statForScript), interp.AccessHandler(t.accessForScript),
		interp.ReadDirHandler2(t.readDirForScript),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
			return func(_ context.Context, args []string) error { return a.command(args) }
		}))
	if err != nil {
		return err
	}
	if err := r.Run(ctx, f); err != nil && ctx.Err() != nil {
		return fmt.Errorf("it does not end: %w", err)
	}
	return nil // how it ended says nothing: its commands did nothing
}

// command is what a script calls that is not the shell's own.
func (a alternatives) command(args []string) error {
	switch path.Base(args[0]) {
	case "update-alternatives":
		a.update(args[1:])
	case "dpkg":
		if slices.Contains(args, "--compare-versions") {
			return interp.ExitStatus(1) // no version was there before
		}
	}
	return nil
}

// update is update-alternatives --install LINK NAME PATH PRIORITY, with --slave LINK NAME PATH any number of times.
func (a alternatives) update(args []string) {
	var new alternative
	for len(args) > 0 {
		switch {
		case args[0] == "--install" && len(args) >= 5 && new.links == nil:
			n, err := strconv.Atoi(args[4])
			if err != nil {
				return
			}
			new = alternative{n, append(new.links, alternativeLink{args[1], args[2], args[3]})}
			args = args[5:]
		case args[0] == "--slave" && len(args) >= 4 && new.links != nil:
			new.links = append(new.links, alternativeLink{args[1], args[2], args[3]})
			args = args[4:]
		default:
			args = args[1:]
		}
	}
	if new.links == nil {
		return
	}
	if old, ok := a[new.links[0].name]; !ok || new.priority > old.priority {
		a[new.links[0].name] = new
	}
}

// install makes the links: LINK to /etc/alternatives/NAME to PATH. A file of a package that has the
// name of a link stays, as it does in Debian; a link that is there, as those of busybox are, gives way.
func (a alternatives) install(t *Tree) error {
	var names []string
	for name := range a {
		names = append(names, name)
	}
	sort.Strings(names)
	// What one leads to may be the link of another.
	for again := true; again; {
		again = false
		for i, name := range names {
			if name == "" || !t.Has(a[name].links[0].target) {
				continue
			}
			names[i], again = "", true
			for _, l := range a[name].links {
				if err := t.alternative(l); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (t *Tree) alternative(l alternativeLink) error {
	if !t.Has(l.target) {
		return nil // a slave whose file was left out
	}
	at, err := t.resolve(l.link)
	if err != nil {
		return err
	}
	if n := t.nodes[at]; n != nil && n.Mode&rootfs.TypeMask != rootfs.TypeLink {
		return nil
	}
	by := path.Join("/etc/alternatives", l.name)
	return errors.Join(t.Link(by, l.target), t.Link(l.link, by))
}

// postinst is the script of a package, "" if it has none.
func postinst(deb string) (string, error) {
	kept := strings.TrimSuffix(deb, ".deb") + ".postinst"
	if b, err := os.ReadFile(kept); err == nil {
		return string(b), nil
	}
	c := exec.Command("dpkg-deb", "--ctrl-tarfile", deb)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("dpkg-deb: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var script []byte
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		if path.Clean(h.Name) == "postinst" {
			if script, err = io.ReadAll(r); err != nil {
				return "", err
			}
		}
	}
	return string(script), writeAtomically(kept, script)
}

// debconf asks questions; a script that reads its functions gets none, and calls commands that do nothing.
const debconf = "/usr/share/debconf/confmodule"

func (t *Tree) openForScript(_ context.Context, p string, flag int, _ os.FileMode) (io.ReadWriteCloser, error) {
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 || p == "/dev/null" || p == debconf {
		return scriptFile{bytes.NewReader(nil)}, nil
	}
	n := t.follow(p)
	if n == nil || n.Mode&rootfs.TypeMask != rootfs.TypeFile {
		return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrNotExist}
	}
	return scriptFile{bytes.NewReader(n.Data)}, nil
}

// scriptFile is a file of the tree, or one that swallows what is written.
type scriptFile struct{ io.Reader }

func (scriptFile) Write(b []byte) (int, error) { return len(b), nil }
func (scriptFile) Close() error                { return nil }

func (t *Tree) accessForScript(_ context.Context, p string, mode interp.AccessMode) error {
	n := t.follow(p)
	if n == nil {
		return fs.ErrNotExist
	}
	if mode&interp.AccessExec != 0 && n.Mode&0o111 == 0 {
		return fs.ErrPermission
	}
	return nil
}

func (t *Tree) statForScript(_ context.Context, p string, follow bool) (fs.FileInfo, error) {
	n := t.follow(p)
	if !follow {
		at, err := t.resolve(p)
		if err != nil {
			return nil, err
		}
		n = t.nodes[at]
	}
	if n == nil {
		return nil, &fs.PathError{Op: "stat", Path: p, Err: fs.ErrNotExist}
	}
	return scriptInfo{path.Base(p), n}, nil
}

func (t *Tree) readDirForScript(_ context.Context, p string) (list []fs.DirEntry, err error) {
	dir, err := t.resolve(path.Join(p, "x"))
	if err != nil {
		return nil, err
	}
	for name, n := range t.nodes {
		if path.Dir("/"+name) == path.Dir("/"+dir) && name != "" {
			list = append(list, fs.FileInfoToDirEntry(scriptInfo{path.Base(name), n}))
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// scriptInfo is a node as a script sees it.
type scriptInfo struct {
	name string
	n    *rootfs.Node
}

func (i scriptInfo) Name() string       { return i.name }
func (i scriptInfo) Size() int64        { return int64(len(i.n.Data)) }
func (i scriptInfo) ModTime() time.Time { return time.Unix(0, i.n.Mtime) }
func (i scriptInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i scriptInfo) Sys() any           { return nil }

func (i scriptInfo) Mode() fs.FileMode {
	m := fs.FileMode(i.n.Mode & 0o777)
	switch i.n.Mode & rootfs.TypeMask {
	case rootfs.TypeDir:
		m |= fs.ModeDir
	case rootfs.TypeLink:
		m |= fs.ModeSymlink
	case rootfs.TypeFile:
	default:
		m |= fs.ModeIrregular
	}
	return m
}
