// Package compile makes the static C programs that the command brings along.
package compile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// compilers can make a static program, the smaller C library first.
var compilers = []string{"musl-gcc", "gcc"}

// Program compiles a C file of the source tree, or finds it compiled, and returns the program's file.
func Program(source string, path ...string) (string, error) {
	text, err := os.ReadFile(filepath.Join(append([]string{source}, path...)...))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	name := strings.TrimSuffix(path[len(path)-1], ".c")
	dir := filepath.Join(source, "build", name)
	out := filepath.Join(dir, name+"-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	made, err := os.MkdirTemp(dir, "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(made)
	for _, compiler := range compilers {
		tool, err := exec.LookPath(compiler)
		if err != nil {
			continue
		}
		file := filepath.Join(made, name)
		c := exec.Command(tool, "-O2", "-static", "-Wall", "-Wextra", "-x", "c", "-o", file, "-")
		c.Stdin = bytes.NewReader(text)
		if said, err := c.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", compiler, err, said)
		}
		return out, os.Rename(file, out)
	}
	return "", errors.New("no C compiler: apt-get install --no-install-recommends musl-tools")
}
