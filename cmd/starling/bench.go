package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"starling/cmd/starling/bench"
	"starling/cmd/starling/qemu"
	"starling/cmd/starling/session"
	"starling/images"
	"starling/images/tree"
	"starling/ipc/control"
)

// measurePatience is how long one measurement may take in an emulated machine.
const measurePatience = 90 * time.Second

func benchCommand() *cobra.Command {
	var linux, asJSON, verbose bool
	var machine, memory string
	c := &cobra.Command{
		Use:   "bench [flags] [CASE...]",
		Short: "Measure what operations cost, in instructions, address-space switches and time",
		RunE: func(c *cobra.Command, args []string) error {
			o := options{machine: machine, memory: memory, accel: "tcg", dir: "/root", seed: bench.Seed, verbose: verbose}
			return runBench(&o, args, linux, asJSON)
		},
	}
	c.Flags().BoolVar(&linux, "linux", false, "measure Debian's Linux in the same machine too")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "say what is being done")
	c.Flags().StringVar(&machine, "machine", "microvm", "machine to emulate: microvm or q35")
	c.Flags().StringVar(&memory, "mem", "256M", "memory of the machine")
	return c
}

func runBench(o *options, names []string, linux, asJSON bool) error {
	cases, err := bench.Choose(names)
	if err != nil {
		return err
	}
	if err := qemu.Installed(); err != nil {
		return err
	}
	s, err := o.prepare()
	if err != nil {
		return err
	}
	source, err := images.FindSource()
	if err != nil {
		return err
	}
	program, err := bench.Program(source)
	if err != nil {
		return err
	}
	if err := s.tree.AddHost(program, "/bench"); err != nil {
		return err
	}
	if err := s.setProgram([]string{"/bin/sh", "-c", bench.Script}); err != nil {
		return err
	}
	s.qemu.CPU = bench.CPU
	report := &bench.Report{Machine: fmt.Sprintf("%s, -cpu %s, %s", s.qemu.Machine, s.qemu.CPU, o.memory)}
	for _, c := range cases {
		report.Rows = append(report.Rows, bench.NewRow(c))
	}
	if err := measureStarling(s, o, cases, report); err != nil {
		return err
	}
	if linux {
		if err := measureLinux(s, o, program, cases, report); err != nil {
			return fmt.Errorf("measuring Linux: %w", err)
		}
	}
	report.Judge()
	if asJSON {
		return report.JSON(os.Stdout)
	}
	return report.Text(os.Stdout)
}

// measureStarling boots twice: counting instructions, and against the clock.
func measureStarling(s *system, o *options, cases []bench.Case, report *bench.Report) error {
	for _, counting := range []bool{true, false} {
		s.qemu.CountInstructions = counting
		o.log("Starling, counting instructions: %v", counting)
		image, err := s.compose()
		if err != nil {
			return err
		}
		start := time.Now()
		m, err := bootStarling(s.qemu, image)
		if err != nil {
			return err
		}
		err = m.guest.Ready()
		if err == nil && !counting {
			report.BootMilliseconds = time.Since(start).Milliseconds()
		}
		for i := 0; err == nil && i < len(cases); i++ {
			o.log("%s", cases[i].Name)
			switch _, isSwap := cases[i].Swap(); {
			case isSwap:
				err = report.Rows[i].Pause(m.guest, cases[i], counting, m.swap)
			case counting:
				err = report.Rows[i].Count(m.guest, cases[i], m.switches)
			default:
				err = report.Rows[i].Time(m.guest, cases[i])
			}
		}
		if messages := m.stop(); err != nil {
			complain(messages...)
			return err
		}
	}
	return nil
}

// starlingMachine is a running Starling with the script in it.
type starlingMachine struct {
	guest    *bench.Guest
	process  *qemu.Process
	input    *io.PipeWriter
	commands chan control.FromHost
	answers  chan control.ToHost
	ended    chan []string
}

func bootStarling(c qemu.Config, image []byte) (*starlingMachine, error) {
	p, err := qemu.Start(c, image)
	if err != nil {
		return nil, err
	}
	m := &starlingMachine{
		process: p, commands: make(chan control.FromHost), answers: make(chan control.ToHost, 1), ended: make(chan []string, 1),
	}
	inRead, inWrite := io.Pipe()
	outRead, outWrite := io.Pipe()
	m.input = inWrite
	one := session.Session{
		Machine: p, Terminal: p.Terminal, Control: p.Control, Errors: p.Errors, Emergency: p.Emergency,
		Input: inRead, Output: outWrite, Stderr: os.Stderr, Commands: m.commands,
		OnLine: func(line []byte) {
			var to control.ToHost
			if json.Unmarshal(line, &to) == nil && (to.Stats != nil || to.Swap != nil) {
				m.answers <- to
			}
		},
	}
	go func() {
		_, messages := one.Run()
		outWrite.Close()
		m.ended <- messages
	}()
	m.guest = bench.NewGuest(inWrite, outRead, measurePatience)
	return m, nil
}

// switches asks the kernel for the address-space switches so far.
func (m *starlingMachine) switches() (uint64, error) {
	a, err := m.ask(control.FromHost{Stats: true})
	if err == nil && a.Stats == nil {
		err = errUnexpected
	}
	if err != nil {
		return 0, err
	}
	return a.Stats.SpaceSwitches, nil
}

// swap swaps the Linux server.
func (m *starlingMachine) swap(build string) (*control.Swapped, error) {
	a, err := m.ask(control.FromHost{Swap: &control.Swap{Server: "linux", With: build}})
	if err == nil && a.Swap == nil {
		err = errUnexpected
	}
	return a.Swap, err
}

// ask sends a line to root and waits for the answer.
func (m *starlingMachine) ask(c control.FromHost) (control.ToHost, error) {
	select {
	case m.commands <- c:
	case <-m.process.Done():
		return control.ToHost{}, io.ErrUnexpectedEOF
	}
	select {
	case a := <-m.answers:
		return a, nil
	case <-m.process.Done():
		return control.ToHost{}, io.ErrUnexpectedEOF
	case <-time.After(measurePatience):
		return control.ToHost{}, errors.New("root does not answer on the control channel")
	}
}

// stop ends the machine and returns what there is to say about its end.
func (m *starlingMachine) stop() []string {
	m.input.Close()
	m.process.Kill()
	return <-m.ended
}

// measureLinux does with Debian's kernel what measureStarling does.
func measureLinux(s *system, o *options, program string, cases []bench.Case, report *bench.Report) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	debian := &tree.Debian{Cache: filepath.Join(cache, "starling", "debian"), Log: o.log}
	for _, counting := range []bool{true, false} {
		c := s.qemu
		c.CountInstructions = counting
		config, kernel, version, err := bench.Linux(c, program, s.tree, debian)
		if err != nil {
			return err
		}
		report.LinuxKernel = version
		o.log("Linux %s, counting instructions: %v", version, counting)
		p, err := qemu.Start(config, kernel)
		if err != nil {
			return err
		}
		guest := bench.NewGuest(p.Terminal, p.Terminal, measurePatience)
		err = guest.Ready()
		for i := 0; err == nil && i < len(cases); i++ {
			if _, isSwap := cases[i].Swap(); isSwap {
				continue
			}
			o.log("%s", cases[i].Name)
			if counting {
				err = report.Rows[i].CountLinux(guest, cases[i])
			} else {
				err = report.Rows[i].TimeLinux(guest, cases[i])
			}
		}
		p.Kill()
		if err != nil {
			return err
		}
	}
	return nil
}
