package images

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"starling/arch/overlay"
)

// program is how a program is built.
type program struct {
	profile overlay.Profile
	path    string
	tags    []string
}

// packages says where the programs that a manifest may name are built from.
var packages = map[string]program{
	KernelProgram:       {overlay.Kernel, "./microkernel/cmd/kernel", nil},
	RootProgram:         {overlay.Server, "./servers/root", nil},
	"console":           {overlay.Server, "./servers/console", nil},
	"hello":             {overlay.Server, "./servers/hello", nil},
	"lab":               {overlay.Server, "./servers/lab", nil},
	"pager":             {overlay.Server, "./pager/cmd/pager", nil},
	"linux":             {overlay.Server, "./personality/cmd/linux", nil},
	"personality-hello": {overlay.Server, "./personality/cmd/hello", nil},
	"faulty":            {overlay.Server, "./personality/cmd/faulty", nil},
	"linux-next":        {overlay.Server, "./personality/cmd/linux", []string{"starling_next"}},
}

// sourceFolders is what the programs are made of.
var sourceFolders = []string{"arch", "ipc", "microkernel", "pager", "personality", "servers"}

// keepBuilds is how many earlier builds stay in the cache.
const keepBuilds = 4

// Builder builds programs from a source tree and keeps them until the tree changes.
type Builder struct {
	Source string                           // directory of go.mod
	Log    func(format string, args ...any) // progress, may be nil
}

// FindSource looks for the source tree: beside the running command (bin/starling
// of the tree), then in the current directory and above.
func FindSource() (string, error) {
	var starts []string
	if exe, err := os.Executable(); err == nil {
		if exe, err = filepath.EvalSymlinks(exe); err == nil {
			starts = append(starts, filepath.Dir(exe))
		}
	}
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	for _, dir := range starts {
		for {
			mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err == nil && strings.HasPrefix(string(mod), "module starling\n") {
				return dir, nil
			}
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	return "", errors.New("the source tree of Starling is neither beside this command nor here: run it inside the tree")
}

// Programs returns the named programs, building what is not in the cache.
func (b *Builder) Programs(names []string) (map[string][]byte, error) {
	for _, name := range names {
		if _, ok := packages[name]; !ok {
			return nil, fmt.Errorf("nothing builds a program called %q; there are %s", name, strings.Join(known(), ", "))
		}
	}
	key, err := b.key()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.Source, "build", "system", key)
	var missing []string
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		if err := b.build(dir, missing); err != nil {
			return nil, err
		}
		b.forget(key)
	}
	programs := map[string][]byte{}
	for _, name := range names {
		if programs[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return programs, nil
}

func known() (names []string) {
	for name := range packages {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// key names the state of the source: path, size and time of every file that a
// program is made of, and of the go command.
func (b *Builder) key() (string, error) {
	h := sha256.New()
	stamp := func(name string) error {
		st, err := os.Stat(name)
		if err != nil {
			return err
		}
		fmt.Fprintln(h, name, st.Size(), st.ModTime().UnixNano())
		return nil
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		return "", errors.New("the go command is missing: Starling builds its kernel and servers with it")
	}
	for _, name := range []string{tool, filepath.Join(b.Source, "go.mod"), filepath.Join(b.Source, "go.sum")} {
		if err := stamp(name); err != nil {
			return "", err
		}
	}
	for _, folder := range sourceFolders {
		err := filepath.WalkDir(filepath.Join(b.Source, folder), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") {
				return err
			}
			return stamp(name)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// build builds programs, two at a time. A program appears in dir only when it is whole.
func (b *Builder) build(dir string, names []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if b.Log != nil {
		b.Log("building %s", strings.Join(names, ", "))
	}
	var wait sync.WaitGroup
	slots := make(chan struct{}, 2)
	errs := make([]error, len(names))
	for i, name := range names {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = b.buildOne(dir, name)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (b *Builder) buildOne(dir, name string) error {
	p := packages[name]
	out, err := os.CreateTemp(dir, ".new-"+name+"-*")
	if err != nil {
		return err
	}
	out.Close()
	defer os.Remove(out.Name())
	tool := overlay.Builder{Directory: b.Source, Tags: p.tags}
	if err := tool.Build(p.profile, p.path, out.Name()); err != nil {
		return fmt.Errorf("building %s: %w", name, err)
	}
	if err := os.Chmod(out.Name(), 0o755); err != nil {
		return err
	}
	return os.Rename(out.Name(), filepath.Join(dir, name))
}

// forget removes the oldest builds. Failing to is no harm.
func (b *Builder) forget(current string) {
	dir := filepath.Join(b.Source, "build", "system")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	age := func(e os.DirEntry) time.Time {
		st, err := e.Info()
		if err != nil {
			return time.Time{}
		}
		return st.ModTime()
	}
	sort.Slice(entries, func(i, j int) bool { return age(entries[i]).After(age(entries[j])) })
	for i, e := range entries {
		if i >= keepBuilds && e.Name() != current {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}
