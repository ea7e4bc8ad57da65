//go:build suites

package suites

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Source fetches and unpacks the source package of Debian 12 and returns its
// folder. It needs no root and touches nothing of the system's package lists.
func Source(pkg string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = filepath.Join(os.TempDir(), "starling-cache")
	}
	dir := filepath.Join(cache, "starling", "sources", pkg)
	if m, _ := filepath.Glob(filepath.Join(dir, "complete")); len(m) == 1 {
		return unpacked(dir, pkg)
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	lists := filepath.Join(dir, "lists")
	if err := os.MkdirAll(filepath.Join(lists, "partial"), 0o755); err != nil {
		return "", err
	}
	list := filepath.Join(dir, "sources.list")
	if err := os.WriteFile(list, []byte("deb-src http://deb.debian.org/debian bookworm main\n"), 0o644); err != nil {
		return "", err
	}
	options := []string{
		"-q", "-o", "Dir::Etc::sourcelist=" + list, "-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::State::lists=" + lists, "-o", "APT::Sandbox::User=root",
	}
	for _, args := range [][]string{{"update"}, {"source", "--download-only", pkg}} {
		cmd := exec.Command("apt-get", append(options, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	dsc, _ := filepath.Glob(filepath.Join(dir, "*.dsc"))
	if len(dsc) != 1 {
		return "", fmt.Errorf("%s: %d .dsc files after the download", pkg, len(dsc))
	}
	cmd := exec.Command("dpkg-source", "--no-check", "-x", filepath.Base(dsc[0]))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		// Without dpkg-dev the original archive alone has the tests.
		orig, _ := filepath.Glob(filepath.Join(dir, "*.orig.tar.*"))
		var archives []string
		for _, f := range orig {
			if filepath.Ext(f) != ".asc" {
				archives = append(archives, f)
			}
		}
		debian, _ := filepath.Glob(filepath.Join(dir, "*.debian.tar.*"))
		if len(archives) != 1 || len(debian) != 1 {
			return "", fmt.Errorf("dpkg-source: %w\n%s", err, out)
		}
		if out, err := tar(dir, archives[0]); err != nil {
			return "", fmt.Errorf("tar: %w\n%s", err, out)
		}
		top, err := unpacked(dir, pkg)
		if err != nil {
			return "", err
		}
		if out, err := tar(top, debian[0]); err != nil {
			return "", fmt.Errorf("tar: %w\n%s", err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "complete"), nil, 0o644); err != nil {
		return "", err
	}
	return unpacked(dir, pkg)
}

func tar(dir, archive string) ([]byte, error) {
	cmd := exec.Command("tar", "xf", archive)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

func unpacked(dir, pkg string) (string, error) {
	m, _ := filepath.Glob(filepath.Join(dir, pkg+"-*"))
	for _, d := range m {
		if st, err := os.Stat(d); err == nil && st.IsDir() {
			return d, nil
		}
	}
	return "", fmt.Errorf("%s: no unpacked folder in %s", pkg, dir)
}
