//go:build suites

package suites

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"starling/cmd/starling/bench"
	"starling/cmd/starling/qemu"
	"starling/images/tree"
)

// Packages of Debian 12 that the selftests need.
const (
	sourcePackage = "linux-source-6.1"
	sourceTop     = "linux-source-6.1/"
)

// selftestScript runs every program of the list. Its output is a file: what a test leaves
// running may keep it.
const selftestScript = `cd /st
while read t; do
echo "### $t"
rm -f /tmp/output
timeout -s KILL 60 ./$t </dev/null >/tmp/output 2>&1
code=$?
cat /tmp/output
echo "=== $t exit $code"
done <list
echo "### finished"
`

// TestSelftests runs Linux's own selftests on Debian's kernel in QEMU and on Starling in
// the same emulator, and compares the results of each.
func TestSelftests(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	debian := &tree.Debian{Cache: filepath.Join(cache, "starling", "debian"), Log: t.Logf}
	dir := t.TempDir()
	programs := buildSelftests(t, debian, dir)
	want := verdicts(onLinux(t, debian, programs))
	got := verdicts(onStarling(t, programs))
	if len(want) < len(selftests())*9/10 {
		t.Fatalf("only %d of %d selftests ran on Linux", len(want), len(selftests()))
	}
	same := 0
	for _, s := range selftests() {
		a, b := want[s.id()], got[s.id()]
		switch reason := deviations[s.id()]; {
		case a == b && reason != "":
			t.Logf("%s: the same now, but listed as a deviation: %s", s.id(), reason)
			same++
		case a == b:
			same++
		case reason != "":
			t.Logf("%s differs: %s", s.id(), reason)
		default:
			t.Errorf("%s:\nLinux\n%s\nStarling\n%s", s.id(), a, b)
		}
	}
	t.Logf("%d of %d selftests have the same results", same, len(selftests()))
}

// buildSelftests compiles the programs, static so that they bring everything, to dir/FOLDER/NAME.
func buildSelftests(t *testing.T, debian *tree.Debian, dir string) string {
	t.Helper()
	packages := tree.New()
	for _, p := range []string{sourcePackage, "libcap-dev", "libpopt-dev"} {
		if err := debian.AddAlone(packages, p); err != nil {
			t.Fatal(err)
		}
	}
	_, archive, ok := packages.Find("usr/src/" + sourcePackage + ".tar")
	if !ok {
		t.Fatal("there is no archive in " + sourcePackage)
	}
	unpack := exec.Command("tar", "xJ", "-C", dir, sourceTop+"tools/testing/selftests", sourceTop+"tools/include",
		sourceTop+"arch/x86/include/asm")
	unpack.Stdin = bytes.NewReader(archive)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	libraries := filepath.Join(dir, "lib")
	for _, f := range []string{"usr/include/sys/capability.h", "usr/include/popt.h",
		"usr/lib/x86_64-linux-gnu/libcap.a", "usr/lib/x86_64-linux-gnu/libpopt.a"} {
		name, data, ok := packages.Find(f)
		if !ok {
			t.Fatalf("%s is in none of the packages", f)
		}
		put(t, filepath.Join(libraries, strings.TrimPrefix(name, "usr/")), data)
	}
	out := filepath.Join(dir, "st")
	top := filepath.Join(dir, sourceTop, "tools/testing/selftests")
	var list strings.Builder
	for _, s := range selftests() {
		fmt.Fprintln(&list, s.id())
		program := filepath.Join(out, s.id())
		if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"-static", "-s", "-O2", "-w", "-std=gnu99", "-D_GNU_SOURCE", "-DCAN_BUILD_64", "-pthread", "-no-pie",
			"-I.", "-I..", "-I../include", "-I../..", "-I" + top, "-I" + filepath.Join(libraries, "include"), "-o", program, s.name + ".c"}, s.sources...)
		if s.folder == "rseq" {
			args = append(args, "-I../../../include")
		}
		args = append(append(args, s.flags...), "-L"+filepath.Join(libraries, "lib/x86_64-linux-gnu"), "-lcap", "-lpopt", "-lrt", "-ldl", "-lm")
		cc := exec.Command("gcc", args...)
		cc.Dir = filepath.Join(top, s.folder)
		if text, err := cc.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", s.id(), err, text)
		}
	}
	put(t, filepath.Join(out, "list"), []byte(list.String()))
	put(t, filepath.Join(out, "run.sh"), []byte(selftestScript))
	return out
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	selftestMemory = 1 << 30
	selftestLimit  = 20 * time.Minute
)

// linuxInit is the first program: the same root file system as Starling's, then the script.
const linuxInit = `#!/bin/sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /tmp
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
exec </dev/null >/dev/ttyS0 2>&1
sh /st/run.sh
`

// onLinux boots Debian's kernel with the programs and returns what the script printed.
func onLinux(t *testing.T, debian *tree.Debian, programs string) string {
	t.Helper()
	packages := tree.New()
	if err := debian.AddAlone(packages, bench.LinuxPackage); err != nil {
		t.Fatal(err)
	}
	_, kernel, ok := packages.Find("boot/vmlinuz-")
	if !ok {
		t.Fatal("there is no kernel in " + bench.LinuxPackage)
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal("busybox is missing: apt-get install busybox-static")
	}
	root, err := tree.Busybox(busybox)
	if err == nil {
		err = errors.Join(root.AddHost(programs, "/st"), root.File("init", 0o755, []byte(linuxInit)))
	}
	if err != nil {
		t.Fatal(err)
	}
	initrd, err := root.CPIO()
	if err != nil {
		t.Fatal(err)
	}
	// A machine with what Linux calibrates its clock against.
	p, err := qemu.Start(qemu.Config{Machine: "q35", Accel: "tcg", Memory: selftestMemory, CPU: "max,-la57", Initrd: initrd,
		CommandLine: "console=ttyS0 quiet loglevel=0 panic=-1"}, kernel)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	p.Terminal.SetReadDeadline(time.Now().Add(selftestLimit))
	var out bytes.Buffer
	for buf := make([]byte, 4096); !bytes.Contains(out.Bytes(), []byte("### finished")); {
		n, err := p.Terminal.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("Linux: %v", err)
			}
			break
		}
	}
	return out.String()
}

// onStarling runs the same script on Starling.
func onStarling(t *testing.T, programs string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), selftestLimit+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, starling(t), "run", "--mem", fmt.Sprintf("%dM", selftestMemory>>20), "--add", programs+":/st",
		"--timeout", selftestLimit.String(), "--", "sh", "/st/run.sh")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("starling run: %v", err)
	}
	return string(out)
}

var (
	resultLine = regexp.MustCompile(`^[\s#]*(ok |not ok |Bail out|\[OK\]|\[FAIL\]|\[PASS\]|\[SKIP\])|: +(PASS|FAIL)|\[OK\]$|\[FAILED\]`)
	addresses  = regexp.MustCompile(`0x[0-9a-f]+`)
	numbers    = regexp.MustCompile(`[0-9]+`)
	testNumber = regexp.MustCompile(`^(not )?ok [0-9]+`)
)

// verdicts gathers the result lines of each test and its exit status. Numbers but those of
// the tests are of the run: addresses, processes, times.
func verdicts(out string) map[string]string {
	all := map[string]string{}
	name := ""
	for _, line := range strings.Split(out, "\n") {
		line = strings.TrimRight(line, "\r")
		if rest, is := strings.CutPrefix(line, "### "); is {
			name = rest
			continue
		}
		if rest, is := strings.CutPrefix(line, "=== "); is {
			all[name] += "exit " + rest[strings.LastIndexByte(rest, ' ')+1:] + "\n"
			name = ""
			continue
		}
		if name == "" || !resultLine.MatchString(line) {
			continue
		}
		kept := testNumber.FindString(line)
		text := numbers.ReplaceAllString(addresses.ReplaceAllString(line[len(kept):], "N"), "N")
		all[name] += kept + text + "\n"
	}
	return all
}
