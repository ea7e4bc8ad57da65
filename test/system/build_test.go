package system

import (
	"path/filepath"
	"strings"
	"testing"
)

// An image that build wrote boots with the command line that it printed, on both
// machines: output on the terminal, the end on the control channel's file.
func TestBuildAndBootByHand(t *testing.T) {
	for _, machine := range []string{"microvm", "q35"} {
		image := filepath.Join(t.TempDir(), "starling.img")
		built := run(t, "", starling(t), "build", "--machine", machine, "-o", image, "--", "echo", "by hand")
		lines := strings.Split(strings.TrimSpace(built.Out), "\n")
		if built.Status != 0 || len(lines) != 2 || !strings.HasPrefix(lines[1], "qemu-system-x86_64 ") {
			t.Fatalf("%s: build: %+v", machine, built)
		}
		booted := run(t, "", "sh", "-c", lines[1])
		told := run(t, "", "cat", image+".control")
		// Status 2c+1 is how isa-debug-exit shows code c.
		if booted.Status != 1 || booted.Out != "by hand\r\n" || !strings.Contains(told.Out, `{"exit":{"code":0}}`) {
			t.Errorf("%s: boot: %+v, control channel %q", machine, booted, told.Out)
		}
	}
}
