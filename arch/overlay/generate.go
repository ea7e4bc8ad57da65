package overlay

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

//go:embed all:_runtime
var port embed.FS

// portPackages maps the folders below _runtime to packages of the standard library.
func portPackages(p Profile) map[string]string {
	return map[string]string{"common": "runtime", string(p): "runtime", "signal": "os/signal"}
}

// Overlay is a generated overlay, not yet written: what replaces or joins which
// file below GOROOT/src. A nil content removes the file.
type Overlay struct {
	Goroot string
	Files  map[string][]byte
}

// Generate makes the overlay of a profile from the Go installed at goroot.
func Generate(goroot string, p Profile, goarch string) (*Overlay, error) {
	base, err := p.heapBase()
	if err != nil {
		return nil, err
	}
	set, ok := instructionSets[goarch]
	if !ok {
		return nil, fmt.Errorf("overlay: instruction set %q is not ported", goarch)
	}
	o := &Overlay{goroot, map[string][]byte{}}
	if err := o.edit(append(commonEdits(base), set.edits...)); err != nil {
		return nil, err
	}
	for _, name := range set.removed {
		if _, err := o.read(name); err != nil {
			return nil, err
		}
		o.Files[name] = nil
	}
	for dir, pkg := range portPackages(p) {
		if err := o.add("_runtime/"+dir, pkg); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *Overlay) read(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(o.Goroot, "src", filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("overlay: the installed Go lacks a file that the port changes: %w", err)
	}
	return b, nil
}

func (o *Overlay) edit(edits []Edit) error {
	byFile := map[string][]Edit{}
	var order []string
	for _, e := range edits {
		if byFile[e.File] == nil {
			order = append(order, e.File)
		}
		byFile[e.File] = append(byFile[e.File], e)
	}
	for _, name := range order {
		b, err := o.read(name)
		if err != nil {
			return err
		}
		text, err := apply(string(b), byFile[name])
		if err != nil {
			return err
		}
		o.Files[name] = []byte(text)
	}
	return nil
}

// add puts the files of one folder of the port into a package. The build
// constraints in their names keep other instruction sets out.
func (o *Overlay) add(dir, pkg string) error {
	list, err := fs.ReadDir(port, dir)
	if err != nil {
		return err
	}
	for _, f := range list {
		b, err := port.ReadFile(path.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		if name, ok := replaced[strings.TrimPrefix(dir, "_runtime/")+"/"+f.Name()]; ok {
			if _, err := o.read(name); err != nil {
				return err
			}
			o.Files[name] = b
			continue
		}
		name := path.Join(pkg, f.Name())
		if _, err := os.Stat(filepath.Join(o.Goroot, "src", filepath.FromSlash(name))); err == nil {
			return fmt.Errorf("overlay: the installed Go already has a file %s", name)
		}
		o.Files[name] = b
	}
	return nil
}

// Write puts the files and overlay.json into dir and returns the path of the
// latter. Files that have the right content are not touched, and the others
// appear at once, so that builds may run side by side.
func (o *Overlay) Write(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	names := make([]string, 0, len(o.Files))
	for name := range o.Files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		target := filepath.Join(o.Goroot, "src", filepath.FromSlash(name))
		if o.Files[name] == nil {
			replace[target] = ""
			continue
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := writeIfChanged(file, o.Files[name]); err != nil {
			return "", err
		}
		replace[target] = file
	}
	js, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, writeIfChanged(file, append(js, '\n'))
}

func writeIfChanged(name string, data []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	return nil
}
