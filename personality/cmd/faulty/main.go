// Command faulty is the successor that nobody wants: it fails at a chosen step of a
// swap, or afterwards, so that tests and people can see what follows. A manifest names
// it among the builds of a server, with the fault as argument.
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
	"starling/pager/client"
	"starling/pager/table"
	"starling/personality/hello"
	"starling/personality/instance"
	"starling/personality/state"
)

// Faults: what it does instead of what it is told.
const (
	dieAtStart    = "die-at-start"
	hangAtStart   = "hang-at-start"
	claimTooMuch  = "claim-too-much" // says at once that it takes the events
	forget        = "forget"         // knows next to no field of the state
	older         = "older"          // is of a time before core_pattern
	ignore        = "ignore"         // does not say what it knows
	refuse        = "refuse"
	dieAtImport   = "die-at-import"
	hangAtImport  = "hang-at-import"
	lie           = "lie"   // says that it has taken over what it has not looked at
	lose          = "lose"  // loses one record of those that it was given
	alter         = "alter" // changes one number
	dieAtCommit   = "die-at-commit"
	hangAtCommit  = "hang-at-commit"
	workInsteadOf = "spin-at-import" // takes the processor and never answers
	dieAtWork     = "die-at-work"    // takes over, and dies of the first message
	hangAtWork    = "hang-at-work"   // takes over, and never ends the first message
)

var faults = []string{dieAtStart, hangAtStart, claimTooMuch, forget, older, ignore, refuse, dieAtImport, hangAtImport, workInsteadOf,
	lie, lose, alter, dieAtCommit, hangAtCommit, dieAtWork, hangAtWork}

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
	memory, linked := info.Grant("pager")
	if !ok || !has || !linked {
		return errors.New("it can only be the successor of a server that can be swapped")
	}
	pager, err := client.New(t, memory.Handle, table.NewWindow(unsafe.Add(nil, uintptr(ipc.WindowAddress)), 0, windowSize))
	if err != nil {
		return err
	}
	page := supervise.Page(unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(ipc.InstanceAddress))), ipc.PageSize))
	page.PutFields(knowledge(fault))
	say := func(s supervise.Stage, text string) error {
		o := page.Order()
		out := supervise.Outcome{Stage: s, Answers: o.Number, Text: text}
		if s == supervise.StageTakenOver {
			if out.Digest, err = digest(pager, o, page.Fields(), fault); err != nil {
				return err
			}
		}
		page.PutOutcome(out)
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
		if step.stage == supervise.StageActive && (fault == dieAtWork || fault == hangAtWork) {
			break
		}
		if err := wait(); err != nil {
			return err
		}
	}
	return work(t, info, page, fault)
}

// work takes the first message, and what was to happen happens.
func work(t *machine.Transport, info *ipc.ServerInfo, page supervise.Page, fault string) error {
	self, ok := info.Grant("self")
	if !ok {
		return errors.New("no endpoint was granted")
	}
	if err := t.Wait(self.Handle, page.Event()); err != nil {
		return err
	}
	for fault == hangAtWork {
		runtime.Gosched()
	}
	return errAsked
}

// windowSize is the room for the window, far more than there is memory.
const windowSize = 1 << 40

// ofHello is the argument that makes it a successor of the hello personality, not of Linux.
const ofHello = "hello"

// knowledge is what it says that it knows of the state.
func knowledge(fault string) []byte {
	switch fault {
	case ignore:
		return nil
	case forget:
		s := wire.Schema{Objects: []wire.ObjectType{{Name: "nothing"}}}
		return s.Known()
	case older:
		s := state.PersonalitySchema
		s.Objects = slices.Clone(s.Objects)
		for i := range s.Objects {
			s.Objects[i].Fields = slices.DeleteFunc(slices.Clone(s.Objects[i].Fields), func(f wire.Field) bool { return f.Name == "core_pattern" })
		}
		return s.Known()
	}
	if slices.Contains(os.Args, ofHello) {
		return hello.Codec.Known()
	}
	return state.Codec.Known()
}

// digest is what it says that it has taken over: with most faults what it was given, so
// that it comes as far as the commit.
func digest(pager *client.Client, o supervise.Order, old []byte, fault string) (uint64, error) {
	b, err := instance.ReadState(pager, o)
	if err != nil {
		return 0, err
	}
	if slices.Contains(os.Args, ofHello) {
		return sum(hello.Codec, b, old, nil)
	}
	var change func(s *state.PersonalityT)
	switch fault {
	case lose:
		change = func(s *state.PersonalityT) { s.Files.Dentries = s.Files.Dentries[:len(s.Files.Dentries)-1] }
	case alter:
		change = func(s *state.PersonalityT) { s.Tasks.Threads[0].Mask ^= 1 }
	}
	d, err := sum(state.Codec, b, old, change)
	if fault == lie {
		d++
	}
	return d, err
}

// sum is the digest of a state after a change.
func sum[S any](c *wire.Codec[S], b, old []byte, change func(*S)) (uint64, error) {
	s, err := c.Decode(b)
	if err != nil {
		return 0, err
	}
	if change != nil {
		change(s)
	}
	return c.Sum(s, old).Digest, nil
}
