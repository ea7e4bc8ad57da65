package system

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"starling/images"
)

// mortal is the default manifest with a Linux server that is started again, and with builds
// that take over and die, or hang, of the first message.
func mortal(t *testing.T, restarts int) string {
	t.Helper()
	text := string(images.SystemManifest)
	const policy = "    restart: shutdown\n\nwires:"
	if strings.Count(text, policy) != 1 {
		t.Fatal("the default manifest has changed")
	}
	text = strings.Replace(text, policy, fmt.Sprintf("    restart: always\n    restarts: %d\n    hang: 2\n\nwires:", restarts), 1)
	const builds = "    builds:\n"
	text = strings.Replace(text, builds, builds+"      - {name: dies, binary: faulty, args: [die-at-work]}\n      - {name: hangs, binary: faulty, args: [hang-at-work]}\n", 1)
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A Linux server that dies or hangs is started again as often as the manifest says, from
// nothing: the programs that it had are gone with their memory, and the report names all of it.
func TestDeathsOfTheLinuxServer(t *testing.T) {
	s := boot(t, "--manifest", mortal(t, 3), "--", "sh", "-c", `
		echo begun; (sleep 1000; echo never) & (while :; do :; done) & head -c 8000000 /dev/zero >/tmp/file
		ls /tmp; while read -r x; do echo $x; [ $x != free ] || grep MemFree /proc/meminfo; done`)
	begun := func() {
		t.Helper()
		s.hears("begun")
		s.hears("file") // alone: the last one's are gone
	}
	begun()
	free := map[string]bool{}
	for i, build := range []string{"dies", "hangs", "dies"} {
		if r := s.swap("linux", "--with", build); r.Error != "" || r.Generation != 2+3*i {
			t.Fatalf("%s: %+v", build, r)
		}
		s.say("free")
		begun()
		s.hears("free") // what the console had is not lost
		line, err := s.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		free[line] = true
		if r := s.swap("linux", "--with", "linux-next"); r.Error != "" || r.Generation != 4+3*i {
			t.Fatalf("a good build: %+v", r)
		}
	}
	if len(free) != 1 {
		t.Errorf("memory is lost at every death: %v", free)
	}
	if r := s.swap("linux", "--with", "dies"); r.Error != "" {
		t.Fatalf("%+v", r)
	}
	s.say("the last message")
	status, errs := s.end()
	const last = `(notification 0x[0-9a-f]+|timer|system call of thread \d+, generation \d+, sequence \d+, badge 0x[0-9a-f]+), at \d+ ns`
	for i, why := range []string{`exception \d+, error code 0x[0-9a-f]+`, `it has not come to the end of a message for 2 s`, `exception \d+.*`} {
		want := fmt.Sprintf("server linux died: %s; last message %s; registers .*; restart %d of 3; lost: all of its processes", why, last, i+1)
		if !regexp.MustCompile(want).MatchString(errs) {
			t.Errorf("no report like %q in %q", want, errs)
		}
	}
	if status != 125 || !regexp.MustCompile(`server linux died: exception .*; shutdown\n`).MatchString(errs) || strings.Contains(errs, "never") {
		t.Errorf("status %d, errors %q", status, errs)
	}
}

// Without another policy the death of the Linux server is the end of the run.
func TestDeathEndsTheRun(t *testing.T) {
	s := boot(t, "--manifest", withBuilds(t, "      - {name: dies, binary: faulty, args: [die-at-work]}\n"), "--", "sh", "-c", "echo begun; read -r x; echo never")
	s.hears("begun")
	if r := s.swap("linux", "--with", "dies"); r.Error != "" {
		t.Fatalf("%+v", r)
	}
	s.say("x")
	if status, errs := s.end(); status != 125 || !strings.Contains(errs, "server linux died: exception") || strings.Contains(errs, "never") {
		t.Errorf("status %d, errors %q", status, errs)
	}
}

// The death of one personality is no business of the other: Linux programs go on while hello
// dies, is started again, and its program counts from 1.
func TestDeathBesideAnotherPersonality(t *testing.T) {
	text, err := os.ReadFile("../../images/both.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const args = "    args: [/count]\n"
	manifest := filepath.Join(t.TempDir(), "manifest.yaml")
	changed := strings.Replace(string(text), args, args+"    builds: [{name: dies, binary: faulty, args: [hello, die-at-work]}]\n", 1)
	if err := os.WriteFile(manifest, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	s := boot(t, "--manifest", manifest, "--add", helloProgram(t, "count")+":/count", "--", "sh", "-c", "while read -r x; do n=$((n+1)); echo $n $x | cat; done; exit 4")
	counts := func() {
		t.Helper()
		for i := 1; i <= 5; i++ {
			s.hears(fmt.Sprintf("hello %03d", i))
		}
	}
	counts()
	if r := s.swap("hello", "--with", "dies"); r.Error != "" {
		t.Fatalf("%+v", r)
	}
	for line := ""; line != "hello 001\n"; { // it has counted on, then died of the next call
		if line, err = s.out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	for i := 2; i <= 100; i++ {
		s.hears(fmt.Sprintf("hello %03d", i))
	}
	s.say("Linux")
	s.hears("1 Linux")
	s.close()
	if status, errs := s.end(); status != 4 || !regexp.MustCompile(`server hello died: exception .*; last message system call of thread .*; restart 1 of 2; lost: `).MatchString(errs) {
		t.Errorf("status %d, errors %q", status, errs)
	}
}
