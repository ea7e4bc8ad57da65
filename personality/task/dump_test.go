package task

import (
	"testing"

	"starling/personality/cred"
	"starling/personality/mm"
	"starling/personality/state"
)

func TestCoreNames(t *testing.T) {
	k := New(Config{FrameSlots: 4})
	k.Hostname = "nest"
	p := &Process{}
	p.Pid, p.DumpSignal = 12, &state.SignalInfoT{Signo: 11}
	p.Limits[rlimitCore].Cur = Infinity
	th := &Thread{Proc: p, MM: &mm.Space{Dumpable: 1}, Cred: &cred.Cred{UID: 3, GID: 4}}
	th.Tid, th.Comm = 13, "a/b"
	for _, c := range []struct {
		pattern string
		pid     int32
		want    string
	}{
		{"core", 0, "core"}, {"core", 1, "core.12"}, {"core.%p", 1, "core.12"}, {"", 1, ".12"},
		{"/tmp/%e-%s%%", 0, "/tmp/a!b-11%"}, {"%", 0, ""}, {"a%", 0, "a"}, {"%q%u%g%d%i%h", 0, "34113nest"},
		{"%c", 0, "18446744073709551615"}, {"%P", 1, "12.12"}, {"%f", 0, "a!b (path unknown)"}, {"%E", 0, "a!b (path unknown)"},
	} {
		k.CorePattern = CorePattern{c.pattern, c.pid}
		if got := k.coreName(th); got != c.want {
			t.Errorf("%q: %q, want %q", c.pattern, got, c.want)
		}
	}
	if component("..") != "!." || component(".") != "!" || component("") != "!" {
		t.Error("components that are directories")
	}
	if k.SetCorePattern("|/bin/cat") {
		t.Error("a pipe")
	}
}
