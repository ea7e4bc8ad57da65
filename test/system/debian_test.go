package system

import (
	"strings"
	"testing"
)

// Programs of Debian's packages, dynamic ones among them, with what they need.
func TestPackages(t *testing.T) {
	for _, c := range []struct {
		name, deb string
		program   []string
		want      string
	}{
		{"python", "python3-minimal", []string{"python3", "-c", "print(1)"}, "1\n"},
		{"python reads and forks", "python3-minimal", []string{"python3", "-c",
			"import os, sys\nif os.fork() == 0: os._exit(3)\nprint(os.waitstatus_to_exitcode(os.wait()[1]), sum(range(100000)), len(os.listdir('/')) > 5)"}, "3 4999950000 True\n"},
		{"bash", "bash-static", []string{"bash-static", "-c", "a=(x y z); echo ${a[@]} ${#a[@]}; echo {1..5}; [[ abc =~ b ]] && echo match"}, "x y z 3\n1 2 3 4 5\nmatch\n"},
		{"lua, by its alternative", "lua5.4", []string{"lua", "-e", "print(_VERSION)"}, "Lua 5.4\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := guest(t, "", append([]string{"--deb", c.deb, "--"}, c.program...)...)
			if r.Status != 0 || r.Out != c.want || strings.TrimSpace(r.Err) != "" {
				t.Errorf("status %d, output %q, errors %q", r.Status, r.Out, r.Err)
			}
		})
	}
}
