// Package sim boots pager and personality on the simulated kernel and runs
// scripted Linux programs under them, on the host.
//
// A test says which files the root file system has, gives the programs as Go
// functions, boots, and looks at output and exit status:
//
//	m := sim.Boot(t, sim.Options{Seed: 1})
//	m.Program("/bin/init", func(p *kernel.Prog) {
//		p.Print(1, "hello\n")
//		p.Exit(7)
//	})
//	m.Run("/bin/init")
//	m.Expect(sim.Exited(7), "hello\n")
//
// Machine.EveryMessage checks at each message boundary that the personality's
// state survives a swap, and Machine.Replay that the log of its messages gives the
// same states again.
package sim
