package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// typing lets keys arrive at times in ms after boot.
func typing(keys map[int64]string) func(*Machine) {
	return func(m *Machine) {
		for ms, s := range keys {
			m.Kernel.At(ms*1e6, func() { m.Console.Type(s) })
		}
	}
}

func onTerminal(o *Options) { o.Terminal = true }

var terminalScenarios = []Scenario{
	{Name: "standard input is not a terminal", Output: "ENOTTY\nabc\nend\n",
		During: func(m *Machine) {
			m.Kernel.At(5e6, func() { m.Console.Type("abc") })
			m.Kernel.At(9e6, func() { m.Console.EndInput() })
		},
		Main: func(p *kernel.Prog) {
			p.Print(1, result(p.Syscall(unix.SYS_IOCTL, 0, unix.TCGETS, p.Alloc(64)))+"\n")
			text, _ := read(p, 0, 10)
			p.Print(1, text+"\n")
			if _, n := read(p, 0, 10); n == 0 {
				p.Print(1, "end\n")
			}
		}},

	{Name: "a terminal gives lines and echoes", Prepare: onTerminal,
		During: typing(map[int64]string{5: "hellx\x7fo\r", 20: "\x04"}),
		Output: "hellx\b \bo\r\ngot hello\r\n0\r\n",
		Main: func(p *kernel.Prog) {
			ok(p, "TCGETS", p.Syscall(unix.SYS_IOCTL, 0, unix.TCGETS, p.Alloc(64)))
			text, _ := read(p, 0, 100)
			p.Print(1, "got "+text)
			_, n := read(p, 0, 100)
			p.Print(1, fmt.Sprintf("%d\n", n))
		}},

	{Name: "Ctrl-C interrupts the foreground", Prepare: onTerminal,
		During: typing(map[int64]string{5: "\x03"}),
		Output: "^Cinterrupted\r\n",
		Main: func(p *kernel.Prog) {
			pid := p.Fork(func(p *kernel.Prog) { p.Syscall(unix.SYS_PAUSE) })
			p.Sigaction(int(unix.SIGINT), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), saRestart, 0)
			_, status := wait(p, pid, 0)
			want(p, "status", int64(status), int64(killed(unix.SIGINT)))
			p.Print(1, "interrupted\n")
		}},
}
