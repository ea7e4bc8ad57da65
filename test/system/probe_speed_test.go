package system

import (
	"strconv"
	"strings"
	"testing"

	"starling/cmd/starling/bench"
)

// What a probe costs, in instructions: what the project allows itself, and for programs beside
// a probed one nothing. The machine counts instructions, so that a busy host changes nothing.
func TestProbeSpeed(t *testing.T) {
	program, err := bench.Program("../..")
	if err != nil {
		t.Fatal(err)
	}
	got := guest(t, "", "--icount", "--seed", "1", "--add", program+":/bench", "--", "sh", "-c",
		"for c in getpid getpid_beside int3 int3_beside mmap_touch mmap_beside uprobe uprobe_push uretprobe uprobe_bpf; do /bench --tsc --count 500 $c; done")
	cost := map[string]float64{}
	for line := range strings.Lines(got.Out) {
		if f := strings.Split(line, "\t"); len(f) > 1 {
			cost[f[0]], _ = strconv.ParseFloat(f[1], 64)
		}
	}
	t.Log(cost)
	for _, c := range bench.Cases {
		if strings.HasPrefix(c.Name, "uprobe") && (cost[c.Name] == 0 || cost[c.Name] > c.Target) {
			t.Errorf("%s takes %.0f instructions, at most %.0f are allowed\n%+v", c.Name, cost[c.Name], c.Target, got)
		}
	}
	for _, c := range []struct {
		alone, beside string
		most          float64
	}{
		{"getpid", "getpid_beside", 1.01},
		{"int3", "int3_beside", 1.02},
		// What the servers do for memory depends on where in it things lie.
		{"mmap_touch", "mmap_beside", 1.1},
	} {
		if alone, beside := cost[c.alone], cost[c.beside]; alone == 0 || beside > alone*c.most {
			t.Errorf("%s takes %.1f instructions, %.1f beside a probed process", c.alone, alone, beside)
		}
	}
}
