package tree

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestAlternatives(t *testing.T) {
	tr := New()
	ok := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"/usr/bin/vim.basic", "/usr/bin/nano", "/usr/bin/kept", "/usr/lib/x/helper", "/usr/share/functions"} {
		ok(tr.File(f, 0o755, nil))
	}
	ok(tr.File("/usr/share/functions", 0o644, []byte("register() { update-alternatives --install /usr/bin/$1 $1 $2 7; }\n")))
	ok(tr.Link("/usr/bin/vi", "busybox"))
	names := alternatives{}
	for _, script := range []string{
		// As vim has it: a function, in which the command is called, with a slave that is not there.
		"#!/bin/sh -e\nadd() {\n update-alternatives \\\n --install /usr/bin/$1 $1 /usr/bin/vim.basic $2 \\\n --slave /usr/share/man/$1.gz $1.gz /nowhere\n}\n" +
			"case \"$1\" in configure) for i in vi view; do add $i 30; done;; esac\n",
		// A link to a link, a worse one, and commands that fail nothing.
		"#!/bin/sh\nset -e\nupdate-alternatives --install /usr/bin/editor editor /usr/bin/vi 40 --slave /usr/bin/edit edit /usr/lib/x/helper\n" +
			"dpkg --compare-versions \"$2\" lt 3 && update-alternatives --install /usr/bin/old old /usr/bin/nano 1\nrm -rf / ; chown nobody /usr/bin/nano\n",
		"#!/bin/bash\nupdate-alternatives --quiet --install /usr/bin/editor editor /usr/bin/nano 10\n[ -x /usr/bin/nano ] && [ ! -e /etc/passwd ] && update-alternatives --install /usr/bin/pico pico /usr/bin/nano 1\n",
		"#!/bin/sh\n. /usr/share/functions\n. /usr/share/debconf/confmodule\ndb_get x || true\nregister lib /usr/lib/x/helper\necho x >/usr/bin/nano\n",
		"#!/bin/sh\nupdate-alternatives --install /usr/bin/kept kept /usr/bin/nano 99\nupdate-alternatives --install /usr/bin/gone gone /usr/bin/none 1\nupdate-alternatives --install /usr/bin/bad bad\n",
		"#!/usr/bin/perl\nprint <<X;\n",
		"#!/bin/sh\nif then fi\n",
	} {
		err := names.run(context.Background(), tr, script)
		if (err != nil) != (script == "#!/bin/sh\nif then fi\n") {
			t.Errorf("%v in %q", err, script)
		}
	}
	ok(names.install(tr))
	for link, want := range map[string]string{
		"usr/bin/vi": "/etc/alternatives/vi", "etc/alternatives/vi": "/usr/bin/vim.basic", "etc/alternatives/view": "/usr/bin/vim.basic",
		"usr/bin/editor": "/etc/alternatives/editor", "etc/alternatives/editor": "/usr/bin/vi", "etc/alternatives/edit": "/usr/lib/x/helper",
		"etc/alternatives/pico": "/usr/bin/nano", "etc/alternatives/lib": "/usr/lib/x/helper",
		"usr/bin/kept": "", "usr/bin/gone": "", "usr/bin/bad": "", "usr/bin/old": "", "usr/share/man/vi.gz": "",
	} {
		got := ""
		if n := tr.nodes[link]; n != nil {
			got = n.Target
		}
		if got != want {
			t.Errorf("%s -> %q, want %q", link, got, want)
		}
	}
	if !tr.Has("/usr/bin/nano") || len(tr.nodes["usr/bin/nano"].Data) != 0 {
		t.Error("a script changed a file")
	}

	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := names.run(ctx, tr, "#!/bin/sh\nwhile :; do sleep 1; done\n"); err == nil {
		t.Error("a script without an end has one")
	}
}
