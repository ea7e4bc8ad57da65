package tree

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// aptLists is where apt keeps what it knows of its sources.
const aptLists = "/var/lib/apt/lists"

// Debian fetches packages with apt and unpacks them. It needs no privileges and
// leaves the host's own packages alone: apt is told that nothing is installed,
// and where to put its files.
type Debian struct {
	Cache string                           // directory of the user's cache
	Log   func(format string, args ...any) // progress, may be nil
}

var packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)

// Add unpacks packages and everything they depend on into the tree. Of what their
// maintainer scripts do only the names of update-alternatives are there.
func (d *Debian) Add(t *Tree, packages []string) error {
	if len(packages) == 0 {
		return nil
	}
	for _, p := range packages {
		if !packageName.MatchString(p) {
			return fmt.Errorf("%q is no name of a Debian package", p)
		}
	}
	files, err := d.fetch(packages)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := d.unpack(t, f); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	names := alternatives{}
	for _, f := range files {
		script, err := postinst(f)
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		if !strings.Contains(script, "alternatives") && !strings.Contains(script, "\n. ") && !strings.Contains(script, " . ") {
			continue
		}
		if err := names.run(context.Background(), t, script); err != nil {
			d.log("%s: its alternatives are not there: %v", filepath.Base(f), err)
		}
	}
	return names.install(t)
}

// AddAlone unpacks one package without what it depends on. A package that only
// points to another, as linux-image-cloud-amd64 does, gives that one.
func (d *Debian) AddAlone(t *Tree, name string) error {
	if out, err := exec.Command("apt-cache", "depends", "--important", name).Output(); err == nil {
		if m := onlyDepends.FindAllStringSubmatch(string(out), -1); len(m) == 1 {
			name = m[0][1]
		}
	}
	archives := filepath.Join(d.Cache, "archives")
	pattern := filepath.Join(archives, name+"_*.deb")
	files, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		if err := os.MkdirAll(archives, 0o755); err != nil {
			return err
		}
		d.log("downloading %s", name)
		// It puts the file into the directory it runs in.
		if _, err := apt(archives, []string{"-q", "-o", "APT::Sandbox::User=root", "download", name}); err != nil {
			return err
		}
		if files, err = filepath.Glob(pattern); err != nil || len(files) == 0 {
			return fmt.Errorf("apt-get did not download %s", name)
		}
	}
	sort.Strings(files)
	return d.unpack(t, files[len(files)-1])
}

var onlyDepends = regexp.MustCompile(`(?m)^ +Depends: (\S+)$`)

func (d *Debian) log(format string, args ...any) {
	if d.Log != nil {
		d.Log(format, args...)
	}
}

// fetch returns the files of the packages and their dependencies in the order
// in which apt would install them. The answer is remembered until apt's lists change.
func (d *Debian) fetch(packages []string) ([]string, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, errors.New("--deb needs apt-get and dpkg-deb, which are Debian's")
	}
	lists, err := filepath.Glob(filepath.Join(aptLists, "*_Packages*"))
	if err != nil || len(lists) == 0 {
		return nil, errors.New("apt knows no packages yet: run apt-get update (as root) once")
	}
	key, err := fetchKey(packages, lists)
	if err != nil {
		return nil, err
	}
	remembered := filepath.Join(d.Cache, "resolved", key)
	if files, ok := readList(remembered); ok {
		return files, nil
	}
	archives := filepath.Join(d.Cache, "archives")
	if err := os.MkdirAll(filepath.Join(archives, "partial"), 0o755); err != nil {
		return nil, err
	}
	status := filepath.Join(d.Cache, "status") // an empty one: nothing is installed
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return nil, err
	}
	args := append([]string{
		"-q", "-y", "--no-install-recommends",
		"-o", "Dir::State::status=" + status,
		"-o", "Dir::Cache::archives=" + archives,
		"-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=",
		"-o", "Debug::NoLocking=true",
		"-o", "APT::Sandbox::User=root",
	}, "install")
	d.log("resolving %s", strings.Join(packages, " "))
	plan, err := apt("", append(append(args[:len(args):len(args)], "--simulate"), packages...))
	if err != nil {
		return nil, err
	}
	names := installOrder(plan)
	d.log("downloading %d packages", len(names))
	if _, err := apt("", append(append(args[:len(args):len(args)], "--download-only"), packages...)); err != nil {
		return nil, err
	}
	var files []string
	for _, name := range names {
		file := filepath.Join(archives, name)
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("apt-get did not download %s: %w", name, err)
		}
		files = append(files, file)
	}
	if err := os.MkdirAll(filepath.Dir(remembered), 0o755); err != nil {
		return nil, err
	}
	return files, writeAtomically(remembered, []byte(strings.Join(files, "\n")+"\n"))
}

func fetchKey(packages, lists []string) (string, error) {
	h := sha256.New()
	sorted := append([]string(nil), packages...)
	sort.Strings(sorted)
	fmt.Fprintln(h, sorted)
	for _, l := range lists {
		st, err := os.Stat(l)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, l, st.Size(), st.ModTime().UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// readList returns the files of a remembered answer if all of them are there.
func readList(name string) (files []string, ok bool) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, false
	}
	for line := range strings.Lines(string(data)) {
		f := strings.TrimSpace(line)
		if _, err := os.Stat(f); err != nil {
			return nil, false
		}
		files = append(files, f)
	}
	return files, len(files) > 0
}

// apt runs apt-get in a directory and returns its output. Its errors begin with "E:".
func apt(dir string, args []string) (string, error) {
	c := exec.Command("apt-get", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err == nil {
		return string(out), nil
	}
	for line := range strings.Lines(stderr.String()) {
		if what, ok := strings.CutPrefix(line, "E: "); ok {
			return "", fmt.Errorf("apt-get: %s", strings.TrimSpace(what))
		}
	}
	return "", fmt.Errorf("apt-get: %w", err)
}

// instLine is a line of apt-get --simulate: "Inst libc6 (2.36-9 Debian:12/stable [amd64])".
var instLine = regexp.MustCompile(`^Inst (\S+) \((\S+) .*\[(\w+)\]`)

// installOrder reads the files' names out of a simulated run. apt writes a colon
// of the version as %3a.
func installOrder(plan string) (names []string) {
	for line := range strings.Lines(plan) {
		if m := instLine.FindStringSubmatch(line); m != nil {
			names = append(names, fmt.Sprintf("%s_%s_%s.deb", m[1], strings.ReplaceAll(m[2], ":", "%3a"), m[3]))
		}
	}
	return names
}

// unpack adds a package's files. Decompressing is slow, so the tar inside the
// package is kept beside it.
func (d *Debian) unpack(t *Tree, deb string) error {
	tarFile := strings.TrimSuffix(deb, ".deb") + ".tar"
	f, err := os.Open(tarFile)
	if errors.Is(err, os.ErrNotExist) {
		d.log("unpacking %s", filepath.Base(deb))
		c := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, err := c.Output()
		if err != nil {
			return fmt.Errorf("dpkg-deb: %w: %s", err, strings.TrimSpace(stderr.String()))
		}
		if err := writeAtomically(tarFile, out); err != nil {
			return err
		}
		return t.AddTar(bytes.NewReader(out))
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return t.AddTar(io.Reader(bufio.NewReaderSize(f, 1<<20)))
}

// writeAtomically never leaves half a file behind.
func writeAtomically(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
