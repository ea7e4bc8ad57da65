package system

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"starling/ipc/control"
)

// What starling ctl says of a running system, for people and as JSON.
func TestCtl(t *testing.T) {
	s := boot(t, "--", "sh", "-c", "head -c 5000000 /dev/zero >/tmp/x; sleep 1000 & echo ready; read x")
	s.hears("ready")
	ctl := func(args ...string) string {
		t.Helper()
		r := run(t, "", starling(t), append([]string{"ctl", "--socket", s.socket}, args...)...)
		if r.Status != 0 || r.Err != "" {
			t.Fatalf("ctl %q: %+v", args, r)
		}
		return r.Out
	}
	for _, c := range []struct {
		command string
		lines   []string
	}{
		{"ps", []string{`SERVER +BUILD +GENERATION +RESTARTS +PRIORITY +THREADS +MEMORY +GIVEN +OTHER BUILDS`, `console +console +1 +0 +0 +1 +\d+ KiB +0 KiB *`,
			`linux +linux +1 +0 +1 +1 +\d+ KiB +\d+ KiB +linux-next`, `linux: 3 processes, 3 threads, \d of them in user mode`}},
		{"wires", []string{`linux +console +console +0x5`, `console +root +control +0x2`}},
		{"stats", []string{`traps +\d+`, `address-space switches +\d+`, `memory free for programs +\d+ KiB`}},
		{"log", []string{`started: \[pager console linux\]`}},
	} {
		out := ctl(c.command)
		for _, line := range c.lines {
			if !regexp.MustCompile("(?m)^" + line + "$").MatchString(out) {
				t.Errorf("%s has no line like %q:\n%s", c.command, line, out)
			}
		}
	}
	var servers []control.Server
	if err := json.Unmarshal([]byte(ctl("ps", "--json")), &servers); err != nil || len(servers) != 3 {
		t.Fatalf("%+v, %v", servers, err)
	}
	if l := servers[2]; l.Name != "linux" || l.Given < 5_000_000 || l.Resident == 0 || l.Resident > l.Heap || !strings.Contains(l.Text, `"processes":3`) {
		t.Errorf("%+v", l)
	}
	var stats control.Stats
	if err := json.Unmarshal([]byte(ctl("stats", "--json")), &stats); err != nil || stats.Traps == 0 || stats.MemoryFree == 0 {
		t.Errorf("%+v, %v", stats, err)
	}
	if r := run(t, "", starling(t), "ctl", "ps", "--socket", filepath.Join(t.TempDir(), "none")); r.Status != 125 || !strings.Contains(r.Err, "no system listens at") {
		t.Errorf("no system: %+v", r)
	}
}
