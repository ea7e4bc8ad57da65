package trial

import (
	"fmt"
	"strings"

	"starling/cmd/starling/session"
	"starling/ipc/control"
	"starling/ipc/fault"
	"starling/servers/manifest"
	"starling/test/faults"
)

// unnoticed is the wait status of a bystander that noticed nothing.
const unnoticed = 42 << 8

// judge compares a run with the one in which nothing was struck.
func (v *sight) judge(c faults.Case, ref *sight) *faults.Result {
	res := &faults.Result{Case: c}
	for i := range c.Plan {
		res.Activated = append(res.Activated, v.struck(i))
	}
	res.Hash, res.Messages = v.hash()
	expected, harm := res.Expected()
	if v.stopped() {
		res.Outcome = fault.Stopped
		if expected != fault.Stopped {
			res.Findings = append(res.Findings, "the machine stopped: "+strings.Join(v.messages, "; "))
		}
		return res
	}
	restarted := v.restarted()
	same := v.guest.ended == 1 && v.guest.status == ref.guest.status && v.output == ref.output && v.errors == ref.errors
	switch {
	case restarted:
		res.Outcome = fault.Restarted
	case !same:
		res.Outcome = fault.Harmed
	}
	if res.Findings = v.findings(); len(res.Findings) > 0 {
		return res // the rest would follow from it
	}
	if restarted && expected >= fault.Restarted {
		same = v.guest.ended == 1 && v.guest.status == ref.guest.status && strings.HasSuffix(v.output, ref.output) &&
			strings.HasSuffix(v.errors, ref.errors)
	}
	say := func(format string, args ...any) { res.Findings = append(res.Findings, fmt.Sprintf(format, args...)) }
	switch {
	case !same && !harm:
		say("%s", v.difference(ref))
	case restarted && expected < fault.Restarted:
		say("the personality was started anew")
	case v.guest.processes != ref.guest.processes:
		say("%d processes are left, without the fault %d", v.guest.processes, ref.guest.processes)
	case !harm && !restarted && !swapped(res) && v.free() < ref.free():
		say("%d free pages, without the fault %d", v.free(), ref.free())
	}
	return res
}

// findings is what must not be, whatever was struck.
func (v *sight) findings() (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, l := range v.labs {
		for _, what := range l.Violations {
			say("%s", what)
		}
	}
	for _, d := range v.deaths {
		if !byLab(d) {
			say("a server died by itself: %s", d.String())
		}
	}
	for _, f := range v.failures {
		say("%s", f)
	}
	switch {
	case v.status == session.StatusTimeout:
		say("the machine stood still")
	case v.status != 0:
		say("the guest ended with status %d: %v", v.status, v.messages)
	case !v.heard:
		say("the guest did not say what it saw")
	case v.guest.gone == 0:
		say("SIGKILL did not end the scenario within 10 s")
	case v.guest.bystander != unnoticed:
		say("a bystander noticed: wait status %#x", v.guest.bystander)
	}
	return list
}

// byLab reports whether a lab had root end the server.
func byLab(d control.Death) bool { return strings.Contains(d.Why, manifest.LabBinary+"-") }

// restarted reports whether the personality was started anew, and the program with it.
func (v *sight) restarted() bool {
	for _, d := range v.deaths {
		if d.Lost != "" {
			return true
		}
	}
	return false
}

// swapped reports whether the personality was swapped: the new instance has a heap of another size.
func swapped(res *faults.Result) bool {
	for i, rule := range res.Plan {
		if rule.Kind == fault.Swap && res.Activated[i] {
			return true
		}
	}
	return false
}

// free is all memory that can still be used, in pages.
func (v *sight) free() uint64 { return v.guest.free + v.stats.KernelFree }

func (v *sight) difference(ref *sight) string {
	switch {
	case v.guest.ended == 0:
		return fmt.Sprintf("did not end in time; output so far %q", v.output)
	case v.guest.status != ref.guest.status:
		return fmt.Sprintf("wait status %#x, without the fault %#x; output %q", v.guest.status, ref.guest.status, v.output)
	case v.errors != ref.errors && strings.HasSuffix(v.output, ref.output):
		return fmt.Sprintf("standard error %q, without the fault %q", v.errors, ref.errors)
	}
	return fmt.Sprintf("output %q, without the fault %q", v.output, ref.output)
}
