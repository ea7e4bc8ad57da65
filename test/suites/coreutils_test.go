//go:build suites

package suites

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

// coreutilsDeviations are the results that differ, with the reason.
var coreutilsDeviations = []deviation{
	{test: "tests/dd/direct.sh", got: "ok", why: "tmpfs takes O_DIRECT, as Linux's does since 6.6"},
	{test: "tests/du/bigtime.sh", got: "skipped", why: "times of files are ns since 1970 in 64 bits: the year 2262 is the last"},
	{test: "tests/mkdir/p-acl.sh", got: "skipped", why: "there are no extended attributes, and so no access control lists"},
}

// coreutilsScript runs the tests one after the other, with the variables that the suite's makefile gives them. Its programs are those of
// the package, in the place of built ones.
const coreutilsScript = `cd /cu
export VERSION=9.1 LOCALE_FR=none LOCALE_FR_UTF8=none abs_top_builddir=/cu abs_top_srcdir=/cu abs_srcdir=/cu srcdir=. top_srcdir=. fail=0
export host_os=linux-gnu host_triplet=x86_64-pc-linux-gnu CONFIG_HEADER=/cu/config.h EXEEXT= SHELL=/bin/bash PERL=perl AWK=awk EGREP='grep -E'
export MAKE=make PACKAGE_VERSION=9.1 PACKAGE_BUGREPORT=x NON_ROOT_USERNAME=nobody NON_ROOT_GID=65534 REPLACE_GETCWD=0 CU_TEST_NAME=x
export LC_ALL=C TERM=dumb HOME=/root TMPDIR=/tmp PATH=/cu/src:$PATH CC=none
export built_programs="$(cd /usr/bin; echo $(cat /cu/programs))"
while read t; do
echo "### $t"
timeout -s KILL 120 bash ./$t </dev/null 9>/dev/null >/tmp/output 2>&1
code=$?
case $code in 0|77) ;; *) tail -n 25 /tmp/output | cut -c 1-200 | sed 's/^/| /';; esac
echo "=== $t exit $code"
rm -rf /cu/gt-* /tmp/*
done </cu/list
echo "` + finished + `"
`

// TestCoreutils runs the tests of coreutils (Debian's source package) that are scripts, with Debian's coreutils.
func TestCoreutils(t *testing.T) {
	src, err := Source("coreutils")
	if err != nil {
		t.Fatal(err)
	}
	root := busyboxTree(t)
	packages := []string{"coreutils", "bash", "perl", "grep", "sed", "gawk", "diffutils", "findutils", "procps", "util-linux", "acl", "attr", "strace"}
	if err := debian(t).Add(root, packages); err != nil {
		t.Fatal(err)
	}
	addFolder(t, root, filepath.Join(src, "tests"), "/cu/tests")
	settings, err := os.ReadFile(filepath.Join(src, "init.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	add(t, root.File("/cu/init.cfg", 0o644, settings))
	var list []string
	err = filepath.WalkDir(filepath.Join(src, "tests"), func(name string, d fs.DirEntry, err error) error {
		if rel, e := filepath.Rel(src, name); e == nil && err == nil && filepath.Ext(name) == ".sh" && filepath.Base(name) != "init.sh" && wanted(rel) {
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(list)
	programs := strings.Fields("[ b2sum base32 base64 basename basenc cat chcon chgrp chmod chown chroot cksum comm cp csplit cut date dd df dir dircolors " +
		"dirname du echo env expand expr factor false fmt fold groups head hostid id install join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv " +
		"nice nl nohup nproc numfmt od paste pathchk pinky pr printenv printf ptx pwd readlink realpath rm rmdir runcon seq sha1sum sha256sum shred shuf " +
		"sleep sort split stat stdbuf stty sum sync tac tail tee test timeout touch tr true truncate tsort tty uname unexpand uniq unlink uptime users " +
		"vdir wc who whoami yes")
	add(t, root.File("/cu/list", 0o644, []byte(strings.Join(list, "\n")+"\n")), root.File("/cu/run.sh", 0o755, []byte(coreutilsScript)),
		root.File("/cu/programs", 0o644, []byte(strings.Join(programs, " ")+"\n")), root.File("/cu/config.h", 0o644, nil),
		root.File("/cu/src/getlimits", 0o755, []byte(limits())), root.Link("/cu/src/ginstall", "/usr/bin/install"))
	g := &guest{root: root, script: "/cu/run.sh", memory: 1 << 30, limit: 50 * time.Minute}
	got := exitVerdicts(g.starling(t))
	compare(t, exitVerdicts(g.linux(t)), got, len(list), coreutilsDeviations)
}

// limits is a script that prints what the suite's own program of that name does: the largest and smallest numbers of C's types, and those behind them.
func limits() string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\ncat <<X\n")
	for _, k := range []struct {
		names  string
		bits   uint
		signed bool
	}{
		{"CHAR SCHAR", 8, true}, {"UCHAR", 8, false}, {"SHRT", 16, true}, {"USHRT", 16, false}, {"INT PID_T", 32, true}, {"UINT UID_T GID_T", 32, false},
		{"LONG SSIZE TIME_T OFF_T INTMAX", 64, true}, {"ULONG SIZE UINTMAX", 64, false},
	} {
		for _, n := range strings.Fields(k.names) {
			high, low, over, under := "18446744073709551615", "0", "18446744073709551616", "-1"
			switch {
			case k.signed && k.bits == 64:
				high, low, over, under = fmt.Sprint(math.MaxInt64), fmt.Sprint(math.MinInt64), "9223372036854775808", "-9223372036854775809"
			case k.signed:
				top := int64(1) << (k.bits - 1)
				high, low, over, under = fmt.Sprint(top-1), fmt.Sprint(-top), fmt.Sprint(top), fmt.Sprint(-top-1)
			case k.bits < 64:
				high, over = fmt.Sprint(int64(1)<<k.bits-1), fmt.Sprint(int64(1)<<k.bits)
			}
			fmt.Fprintf(&b, "%s_MAX=%s\n%s_OFLOW=%s\n", n, high, n, over)
			if k.signed {
				fmt.Fprintf(&b, "%s_MIN=%s\n%s_UFLOW=%s\n", n, low, n, under)
			}
		}
	}
	b.WriteString("IO_BUFSIZE=131072\nX\n")
	return b.String()
}

// exitVerdicts gathers how each program ended.
func exitVerdicts(out string) results {
	all := results{}
	for _, line := range strings.Split(out, "\n") {
		if text, ok := strings.CutPrefix(strings.TrimRight(line, "\r"), "=== "); ok {
			if name, code, ok := strings.Cut(text, " exit "); ok {
				all.add(name, map[string]string{"0": "ok", "77": "skipped"}[code])
				if all[name] == "" {
					all[name] = "exit " + code
				}
			}
		}
	}
	return all
}
