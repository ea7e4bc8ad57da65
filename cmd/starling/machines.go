package main

import (
	"context"

	"starling/cmd/starling/compile"
	"starling/cmd/starling/qemu"
	"starling/cmd/starling/trial"
	"starling/images"
	"starling/ipc/bootconfig"
	"starling/test/faults"
)

// machines makes the laboratory of the tier qemu: the default system, with a lab in every wire that can be struck, and the
// guest program that starts scenarios.
func (o *faultOptions) machines(ctx context.Context) (faults.Tier, error) {
	if err := qemu.Installed(); err != nil {
		return nil, err
	}
	base := options{memory: "256M", machine: "microvm", accel: "tcg", dir: "/", icount: true, seed: 1, labs: trial.Wires(), spare: trial.Spare}
	s, err := base.prepare()
	if err != nil {
		return nil, err
	}
	source, err := images.FindSource()
	if err != nil {
		return nil, err
	}
	guest, err := compile.Program(source, "test", "faults", "guest", "guest.c")
	if err != nil {
		return nil, err
	}
	if err := s.tree.AddHost(guest, trial.GuestPath); err != nil {
		return nil, err
	}
	if s.Rootfs, err = s.tree.Encode(); err != nil {
		return nil, err
	}
	return trial.New(ctx, func(c trial.Setup) (qemu.Config, []byte, error) {
		one, machine := s.System, s.qemu
		one.Config.Program, one.Config.Args, one.Config.Seed, one.Faults = c.Argv[0], c.Argv, c.Seed, c.Plan
		if c.Terminal {
			one.Config.Flags |= bootconfig.Terminal
			one.Config.Rows, one.Config.Columns = 24, 80
		}
		machine.Seed = c.Seed
		image, _, err := images.Compose(one)
		return machine, image, err
	}, o.scenarios)
}
