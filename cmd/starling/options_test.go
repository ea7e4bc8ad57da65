package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"starling/images/tree"
	"starling/ipc/bootconfig"
)

func TestConfig(t *testing.T) {
	o := options{dir: "/tmp/", env: []string{"A=1", "PATH=/x", "A=2"}, seed: 9, icount: true}
	c, err := o.config()
	if err != nil {
		t.Fatal(err)
	}
	want := bootconfig.Config{
		Env: []string{"PATH=/x", "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "A=2"},
		Dir: "/tmp", Flags: bootconfig.Deterministic, Seed: 9, WallTime: tree.Epoch,
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
	if defaultEnv[0] == "PATH=/x" {
		t.Error("the default was changed")
	}
}

func TestProgram(t *testing.T) {
	root, err := tree.Skeleton()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/bin/sh", "/usr/local/bin/mine", "/root/here"} {
		if err := root.File(p, 0o755, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args    []string
		program string // "" if there is none
	}{
		{nil, "/bin/sh"},
		{[]string{"sh", "-c", "x"}, "/usr/bin/sh"},
		{[]string{"mine"}, "/usr/local/bin/mine"},
		{[]string{"/bin/sh"}, "/bin/sh"},
		{[]string{"./here"}, "./here"},
		{[]string{"here"}, ""},
		{[]string{"./there"}, ""},
	} {
		s := system{tree: root}
		s.Config.Env, s.Config.Dir = defaultEnv, "/root"
		err := s.setProgram(c.args)
		if (c.program == "") != errors.Is(err, errNotFound) || err == nil && s.Config.Program != c.program {
			t.Errorf("%q: program %q, %v", c.args, s.Config.Program, err)
		}
	}
}

func TestUnknownCommandLine(t *testing.T) {
	for _, args := range [][]string{{"fly"}, {"run", "--no-such"}, {"bench", "no-such-case"}} {
		if got := execute(args); got != 125 {
			t.Errorf("%s: status %d", strings.Join(args, " "), got)
		}
	}
}
