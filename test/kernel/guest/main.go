//go:build starling_server

package main

import (
	"fmt"
	"os"

	"starling/ipc/machine"
)

// testCase is one thing that must hold.
type testCase struct {
	name string
	run  func(g *guest) error
}

var cases = [][]testCase{messageCases, trapCases, replyCases, runCases, vectorCases, deviceCases, memoryCases, hostileCases, randomCases, lastCases}

func main() {
	t, info, err := machine.Start()
	if err != nil {
		panic(err)
	}
	g, err := newGuest(t, info)
	if err != nil {
		panic(err)
	}
	only := ""
	if len(os.Args) > 1 {
		only = os.Args[1]
	}
	fmt.Println() // the firmware does not end its line
	failed, ran := 0, 0
	for _, list := range cases {
		for _, c := range list {
			if only != "" && only != c.name {
				continue
			}
			ran++
			err := c.run(g)
			g.clean()
			if err != nil {
				failed++
				fmt.Printf("FAIL %s: %v\n", c.name, err)
				continue
			}
			fmt.Println("ok", c.name)
		}
	}
	fmt.Printf("%d cases, %d failed\n", ran, failed)
	if err := t.Shutdown(g.must("machine"), failed); err != nil {
		panic(err)
	}
}

// errorf is a failed expectation.
func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }
