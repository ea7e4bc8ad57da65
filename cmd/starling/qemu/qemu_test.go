package qemu

import (
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	c := Config{Machine: "microvm", Accel: "tcg", Memory: 256 << 20, CountInstructions: true, Seed: 7}
	args, err := c.arguments()
	if err != nil {
		t.Fatal(err)
	}
	const want = "-machine microvm,x-option-roms=off,rtc=on,isa-serial=off -accel tcg -cpu max -smp 1 -m 256M " +
		"-nodefaults -no-user-config -no-reboot -display none -monitor none -device isa-debug-exit,iobase=0xf4,iosize=4 " +
		"-icount shift=0,sleep=off -seed 7"
	if got := strings.Join(args, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSettingsThatDoNotGoTogether(t *testing.T) {
	for name, c := range map[string]Config{
		"machine": {Machine: "pc", Accel: "tcg", Memory: 1 << 20},
		"accel":   {Machine: "q35", Accel: "auto", Memory: 1 << 20},
		"memory":  {Machine: "q35", Accel: "tcg", Memory: 1<<20 + 1},
		"icount":  {Machine: "q35", Accel: "kvm", Memory: 1 << 20, CountInstructions: true},
	} {
		if err := c.Check(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestVirtualizationFlags(t *testing.T) {
	for cpuinfo, want := range map[string]bool{
		"processor\t: 0\nflags\t\t: fpu vme vmx de\n": true,
		"flags\t\t: fpu svm\n":                        true,
		"flags\t\t: fpu svme vmxx\n":                  false,
		"model name\t: vmx svm\nflags\t\t: fpu\n":     false,
		"": false,
	} {
		if got := hasVirtualization(cpuinfo); got != want {
			t.Errorf("%q: %v", cpuinfo, got)
		}
	}
}

// A QEMU that cannot start says why, and leaves nothing behind.
func TestBadImage(t *testing.T) {
	p, err := Start(Config{Machine: "microvm", Accel: "tcg", Memory: 64 << 20}, []byte("no kernel at all"))
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if _, ok := p.Status(); ok && !strings.Contains(p.Reason(), "QEMU: ") {
		t.Errorf("reason %q", p.Reason())
	}
	p.Kill()
}
