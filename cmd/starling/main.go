// Command starling runs unmodified Linux programs on the Starling microkernel
// in QEMU, builds bootable images, and measures both.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"starling/cmd/starling/session"
)

func main() { os.Exit(execute(os.Args[1:])) }

// exitStatus is an error that already knows its exit status and was already told.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// execute runs the command line and returns the exit status. A failure of
// Starling itself is 125, so that it is not taken for one of the program.
func execute(args []string) int {
	root := &cobra.Command{
		Use:           "starling",
		Short:         "Linux programs on a microkernel, with Linux as a server",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(runCommand(), buildCommand(), benchCommand(), ctlCommand(), faultsCommand())
	root.SetArgs(args)
	err := root.Execute()
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	complain(err.Error())
	return session.StatusFailure
}

// complain says what is wrong, on one line of standard error each.
func complain(messages ...string) {
	for _, m := range messages {
		fmt.Fprintf(os.Stderr, "starling: %s\n", m)
	}
}
