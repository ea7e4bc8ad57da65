package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"starling/images"
)

// Where the program that sets probes lies in the system.
const probeProgram = "/usr/lib/starling/probe"

// probe makes the system run its program under cmd/probe, which sets the probes that were asked for.
func (s *system) probe(o *options) error {
	if len(o.uprobes)+len(o.uretprobes) == 0 {
		return nil
	}
	if len(s.Config.Args) == 0 || strings.HasPrefix(s.Config.Args[0], "-") {
		return errors.New("--uprobe and --uretprobe: name a program to run")
	}
	for _, spec := range append(append([]string{}, o.uprobes...), o.uretprobes...) {
		file, _, ok := strings.Cut(spec, ":")
		if !ok || !path.IsAbs(file) {
			return fmt.Errorf("%s: want PATH:SYMBOL with the full path of a file in the system", spec)
		}
		if !s.tree.Has(file) {
			return fmt.Errorf("%s: %w", file, errNotFound)
		}
	}
	source, err := images.FindSource()
	if err != nil {
		return err
	}
	out := filepath.Join(source, "build", "probe")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./cmd/probe")
	build.Dir, build.Env = source, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=")
	o.log("building cmd/probe")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building cmd/probe: %w\n%s", err, said)
	}
	if err := s.tree.AddHost(out, probeProgram); err != nil {
		return err
	}
	args := []string{probeProgram}
	for _, spec := range o.uprobes {
		args = append(args, "-uprobe", spec)
	}
	for _, spec := range o.uretprobes {
		args = append(args, "-uretprobe", spec)
	}
	args = append(args, "--", s.Config.Program)
	s.Config.Args = append(args, s.Config.Args[1:]...)
	s.Config.Program = probeProgram
	return nil
}
