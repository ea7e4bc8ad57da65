package system

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goPrograms are the folders of test/programs that are static Go programs.
var goPrograms = []string{"ticker", "goroutines", "gcload", "osexec", "httpunix", "terminals"}

// buildGo builds a program of test/programs as a static executable for Linux.
func buildGo(t testing.TB, dir, name string) string {
	t.Helper()
	out := filepath.Join(dir, name)
	c := exec.Command("go", "build", "-trimpath", "-o", out, "../programs/"+name)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, text)
	}
	return out
}

// buildC builds a program of test/programs in C as a static executable.
func buildC(t testing.TB, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	c := exec.Command("musl-gcc", "-O1", "-static", "-w", "-o", out, filepath.Join("../programs", name, name+".c"))
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, text)
	}
	return out
}

// Restartable sequences do under Starling what they do on the host's Linux.
func TestSequences(t *testing.T) {
	path := buildC(t, "sequences")
	want := run(t, "", path)
	got := guest(t, "", "--add", path+":/bin/sequences", "--", "/bin/sequences")
	if got != want {
		t.Errorf("Starling %+v\nLinux    %+v", got, want)
	}
}

// Static Go programs print what they print on Linux.
func TestGoPrograms(t *testing.T) {
	dir := t.TempDir()
	for _, name := range goPrograms {
		t.Run(name, func(t *testing.T) {
			path := buildGo(t, dir, name)
			want := run(t, "", path)
			got := guest(t, "", "--add", path+":/bin/"+name, "--", name)
			if got != want {
				t.Errorf("Starling %+v\nLinux    %+v", got, want)
			}
		})
	}
}

// Two hundred runs of each program in one boot end alike every time.
func TestManyRuns(t *testing.T) {
	dir := t.TempDir()
	path := buildGo(t, dir, "osexec")
	const runs = 200
	for _, c := range []struct {
		name    string
		flags   []string
		program string
	}{
		{"go", []string{"--add", path + ":/bin/osexec"}, "osexec echo"},
		{"bash", []string{"--deb", "bash-static"}, `bash-static -c 'a=(x y z); for i in {1..5}; do echo "$i ${a[@]} $(echo $((i*i)))"; done | sort -r'`},
		{"python", []string{"--deb", "python3-minimal"}, `python3 -c 'print(sum(i*i for i in range(1000)), sorted({"b": 1, "a": 2}))'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := fmt.Sprintf("i=0; while [ $i -lt %d ]; do %s 2>&1 || echo failed; i=$((i+1)); done | md5sum\nfree | awk '/Mem/{print $4}' >&2", runs, c.program)
			one := guest(t, "", append(c.flags, "--", "sh", "-c", c.program+" 2>&1")...)
			if one.Status != 0 || one.Out == "" {
				t.Fatalf("one run: %+v", one)
			}
			want := run(t, strings.Repeat(one.Out, runs), "md5sum").Out
			got := guestWithin(t, manyRuns, append(c.flags, "--", "sh", "-c", script)...)
			if got.Status != 0 || got.Out != want {
				t.Errorf("%d runs: %+v, one run: %q", runs, got, one.Out)
			}
		})
	}
}

// Two hundred processes do to each other for a minute what processes do. Each knows what must come of what
// it does, afterwards nobody is left, and nearly all memory is back: the servers' heaps keep some. What became room for page tables
// stays that, and counts as free.
func TestCrowd(t *testing.T) {
	const kept = 2 << 10 // KiB
	script := `for seed in 1 2 3 4; do crowd $seed 15 || exit; awk '/MemFree|SUnreclaim/ {n+=$2} END {print n}' /proc/meminfo; done`
	got := guestWithin(t, crowdRun, "--add", buildC(t, "crowd")+":/bin/crowd", "--", "sh", "-c", script)
	var free [4]int
	if n, _ := fmt.Sscan(got.Out, &free[0], &free[1], &free[2], &free[3]); got.Status != 0 || n != len(free) {
		t.Fatalf("%+v", got)
	}
	if free[3] < free[1]-kept {
		t.Errorf("KiB free, after each quarter of the minute: %d", free)
	}
	t.Logf("%sKiB free: %d", got.Err, free)
}

// A hostile program ends alone: a program beside it goes on and sees nothing.
func TestHostile(t *testing.T) {
	path := buildC(t, "hostile")
	for _, c := range []struct{ attack, want string }{
		{"op0f", "op0f:"},
		{"int", "int:"},
		{"privileged", "privileged:"},
		{"jump", "jump: signal 11 x15"},
		{"load", "load: signal 11 x15"},
		{"store", "store: signal 11 x15"},
		{"stack_syscall", "stack_syscall: exit 0 x15"},
		{"stack_trap", "stack_trap: signal 4 x15"},
		{"stack_push", "stack_push:"}, // an emulated processor tells #SS from #PF otherwise than a real one
		{"edge_syscall", "edge_syscall: signal 11"},
		{"flags", "flags: exit 0 x13"},
		{"sigreturn", "sigreturn:"},
		{"bare_sigreturn", "bare_sigreturn: signal 11 x15"},
		{"calls", "calls: calls done"},
		{"forkbomb", "forkbomb: exit 0"},
		{"membomb", "membomb: signal 9"},
	} {
		t.Run(c.attack, func(t *testing.T) {
			// The bystander counts to a sum that depends on every step. Its pauses are no processes: fork(2) may be
			// refused as long as the attack holds all of the memory.
			script := fmt.Sprintf(`mkfifo /tmp/never; exec 3<>/tmp/never
(i=0; s=0; while [ ! -e /tmp/done ]; do i=$((i+1)); s=$((s+i)); [ $((i %% 100)) = 0 ] && read -t 0.01 x <&3; done
[ $s = $((i*(i+1)/2)) ] && echo bystander is well) & hostile %s; echo $? >/tmp/done; wait; cat /tmp/done`, c.attack)
			got := guestWithin(t, hostileRun, "--add", path+":/bin/hostile", "--mem", "128M", "--", "sh", "-c", script)
			lines := strings.Split(strings.TrimSpace(got.Out), "\n")
			if got.Status != 0 || len(lines) != 3 || !strings.HasPrefix(lines[0], c.want) || lines[1] != "bystander is well" || lines[2] != "0" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Who forks until memory is used up gets ENOMEM; nobody is killed for it, and when the children are gone
// there is room again. Earlier rules let a page fault find out, and ended an innocent process.
func TestForksUntilMemoryIsUsedUp(t *testing.T) {
	const script = `sh -c 'i=0; while [ $i -lt 5000 ]; do sleep 1000 & i=$((i+1)); done; echo all $i'
echo status $?
for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p -gt $$ ] && kill -9 $p; done
echo $(seq 100 | wc -l)`
	for _, memory := range []string{"80M", "96M"} {
		t.Run(memory, func(t *testing.T) {
			got := guestWithin(t, hostileRun, "--mem", memory, "--", "sh", "-c", script)
			if want := "status 2\n100\n"; got.Status != 0 || got.Out != want || !strings.Contains(got.Err, "can't fork: Cannot allocate memory") || strings.Contains(got.Err, "killed") {
				t.Errorf("%+v, want output %q", got, want)
			}
		})
	}
}

// Who takes memory until there is none is the one that is ended, or told: others that sleep, count or hold little go on.
func TestMemoryRunsOutForTheOneWhoTakesIt(t *testing.T) {
	path := buildC(t, "hostile")
	for _, c := range []struct{ memory, taker, status string }{
		{"80M", "hostile membomb", "0"}, // it tells how its child ended
		{"96M", "tail /dev/zero >/dev/null", "1 or 137"},
		{"128M", "dd if=/dev/zero of=/tmp/big bs=1M", "1"},
	} {
		t.Run(c.taker, func(t *testing.T) {
			script := `mkfifo /tmp/never; exec 3<>/tmp/never
(i=0; while [ ! -e /tmp/done ]; do i=$((i+1)); [ $((i % 100)) = 0 ] && read -t 0.01 x <&3; done; echo counted) &
sleep 1000 & sleep 1000 &
` + c.taker + ` 2>/dev/null; echo $?; >/tmp/big; >/tmp/done; wait %1; kill %2 %3 && echo slept; seq 100 | wc -l`
			got := guestWithin(t, hostileRun, "--add", path+":/bin/hostile", "--mem", c.memory, "--", "sh", "-c", script)
			lines := strings.Split(strings.TrimPrefix(got.Out, "membomb: signal 9\n"), "\n")
			if got.Status != 0 || len(lines) != 5 || !slices.Contains(strings.Split(c.status, " or "), lines[0]) || strings.Join(lines[1:], " ") != "counted slept 100 " {
				t.Errorf("%+v", got)
			}
			taker := strings.Fields(c.taker)[0]
			for _, line := range strings.Split(got.Err, "\n") {
				if strings.Contains(line, "was killed") && !strings.Contains(line, "("+taker+")") {
					t.Error(line)
				}
			}
		})
	}
}

// Long lists of arguments are kept in the Linux server while a program begins. Where memory does not last for that, execve(2) says so: nobody
// dies of it, and what the server has taken for a moment programs can have afterwards.
func TestLongArgumentsWhereMemoryIsShort(t *testing.T) {
	const script = `x=$(seq 100000); y=$(head -c 100000 /dev/zero | tr '\0' a); y="$y $y $y $y"; y="$y $y $y $y"
sleep 1000 & tail /dev/zero >/dev/null 2>&1 & tail /dev/zero >/dev/null 2>&1 &
ran=0; i=0
while [ $i -lt 12 ]; do
	/bin/true $x 2>/tmp/no && ran=$((ran+1)) || grep -q 'Cannot allocate memory\|Killed\|fork' /tmp/no || cat /tmp/no
	/bin/true $y 2>/tmp/no && ran=$((ran+1)) || grep -q 'Cannot allocate memory\|Killed\|fork' /tmp/no || cat /tmp/no
	i=$((i+1))
done
[ $ran -ge 4 ] && echo some ran
wait %2 %3; /bin/true $y && echo again; kill %1 && echo slept`
	for _, memory := range []string{"96M", "128M"} {
		t.Run(memory, func(t *testing.T) {
			got := guestWithin(t, hostileRun, "--mem", memory, "--", "sh", "-c", script)
			if want := "some ran\nagain\nslept\n"; got.Status != 0 || got.Out != want {
				t.Errorf("%+v, want output %q", got, want)
			}
		})
	}
}
