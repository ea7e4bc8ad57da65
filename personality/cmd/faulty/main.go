// Command faulty is the successor that nobody wants: it fails at a chosen step of a
// swap, so that tests and people can see that the old instance goes on. A manifest
// names it among the builds of a server, with the fault as argument.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"starling/ipc"
	"starling/ipc/machine"
	"starling/ipc/supervise"
	"starling/ipc/wire"
)

// Faults: what it does instead of what it is told.
const (
	dieAtStart    = "die-at-start"
	hangAtStart   = "hang-at-start"
	claimTooMuch  = "claim-too-much" // says at once that it takes the events
	refuse        = "refuse"
	dieAtImport   = "die-at-import"
	hangAtImport  = "hang-at-import"
	lie           = "lie" // says that it has taken over what it has not looked at
	dieAtCommit   = "die-at-commit"
	hangAtCommit  = "hang-at-commit"
	workInsteadOf = "spin-at-import" // takes the processor and never answers
)

var faults = []string{dieAtStart, hangAtStart, claimTooMuch, refuse, dieAtImport, hangAtImport, workInsteadOf, lie, dieAtCommit, hangAtCommit}

func main() {
	err := run()
	fmt.Fprintln(os.Stderr, "faulty:", err)
	os.Exit(1)
}

var errAsked = errors.New("as it was asked to")

func run() error {
	t, info, err := machine.Start()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(os.Args, func(a string) bool { return slices.Contains(faults, a) })
	if i < 0 {
		return fmt.Errorf("the manifest must give one of %s as argument", strings.Join(faults, ", "))
	}
	fault := os.Args[i]
	own, ok := info.Grant(supervise.InstanceWire)
	root, has := info.Grant(supervise.Wire)
	if !ok || !has {
		return errors.New("it can only be the successor of a server that can be swapped")
	}
	page := supervise.Page(unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(ipc.InstanceAddress))), ipc.PageSize))
	// It knows one table that nobody has. The digest over what both know is then that of
	// nothing, with which it comes as far as the commit.
	nothing := wire.Schema{Objects: []wire.ObjectType{{Name: "nothing"}}}
	digest := wire.Digest(&nothing, make([]byte, 8), nil)
	if fault == lie {
		digest++
	}
	page.PutFields(nothing.Known())
	say := func(s supervise.Stage, text string) error {
		page.PutOutcome(supervise.Outcome{Stage: s, Answers: page.Order().Number, Digest: digest, Text: text})
		return t.Notify(root.Handle, supervise.Staged)
	}
	wait := func() error {
		var ev ipc.Event
		return t.Wait(own.Handle, &ev)
	}
	// At each step: the fault that hangs, the one that dies, what it says otherwise.
	for _, step := range []struct {
		hang, die string
		stage     supervise.Stage
	}{
		{hangAtStart, dieAtStart, supervise.StageWarm},
		{hangAtImport, dieAtImport, supervise.StageTakenOver},
		{hangAtCommit, dieAtCommit, supervise.StageActive},
	} {
		switch {
		case fault == step.die:
			return errAsked
		case fault == step.hang:
			return wait() // for an order that does not come
		case fault == claimTooMuch:
			step.stage = supervise.StageActive
		case fault == refuse && step.stage == supervise.StageTakenOver:
			step.stage = supervise.StageRefused
		case fault == workInsteadOf && step.stage == supervise.StageTakenOver:
			for page.Order().Command == supervise.CommandTakeOver {
				runtime.Gosched()
			}
		}
		if err := say(step.stage, errAsked.Error()); err != nil {
			return err
		}
		if err := wait(); err != nil {
			return err
		}
	}
	return errAsked
}
