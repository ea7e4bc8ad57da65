package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"starling/cmd/starling/qemu"
	"starling/ipc/bootconfig"
)

func buildCommand() *cobra.Command {
	var o options
	output := "starling.img"
	c := &cobra.Command{
		Use:   "build [flags] [--] [PROGRAM [ARGUMENT...]]",
		Short: "Write a bootable image and print how to boot it",
		RunE: func(c *cobra.Command, args []string) error {
			s, err := o.prepare()
			if err != nil {
				return err
			}
			if err := s.setProgram(args); err != nil {
				return err
			}
			s.Config.Flags |= bootconfig.Terminal
			s.Config.WallTime = 0 // whenever it boots: ask the machine
			image, err := s.compose()
			if err != nil {
				return err
			}
			if err := os.WriteFile(output, image, 0o644); err != nil {
				return err
			}
			line, err := qemu.ByHand(s.qemu, output)
			if err != nil {
				return err
			}
			fmt.Printf("%s: %d KiB. Boot it with\n%s\n", output, len(image)>>10, line)
			return nil
		},
	}
	c.Flags().SetInterspersed(false)
	o.flags(c.Flags())
	c.Flags().StringVarP(&output, "output", "o", output, "`FILE` to write")
	return c
}
