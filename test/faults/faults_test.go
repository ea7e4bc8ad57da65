package faults

import (
	"context"
	"testing"

	"starling/ipc/fault"
)

func laboratory(t *testing.T) *Laboratory {
	t.Helper()
	l, err := NewLaboratory()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// campaign is long enough that every fault strikes every message.
func campaign(t *testing.T, l *Laboratory, seed uint64) *Report {
	t.Helper()
	return Campaign{Seed: seed, Runs: 1600}.Run(context.Background(), l)
}

// Every fault of every message, and nothing that must not be.
func TestCampaign(t *testing.T) {
	rep := campaign(t, laboratory(t), 1)
	for _, f := range rep.Findings {
		t.Errorf("%s, seed %d, %v: %.500q", f.Scenario, f.Seed, f.Plan, f.Findings)
	}
	for _, c := range rep.NeverActivated() {
		t.Errorf("never struck: %v %v", c.Place, c.Kind)
	}
}

// The same case is the same run, message by message; another one is not.
func TestACaseRepeats(t *testing.T) {
	l := laboratory(t)
	rule, err := fault.ParseRule("linux>pager map flip 3 77")
	if err != nil {
		t.Fatal(err)
	}
	hash := map[uint64]bool{}
	for _, c := range []Case{
		{Scenario: l.names[0], Plan: fault.Plan{rule}}, {Scenario: l.names[0], Plan: fault.Plan{rule}},
		{Scenario: l.names[0], Seed: 5}, {Scenario: l.names[0], Seed: 5},
	} {
		r, err := l.Run(c)
		if err != nil {
			t.Fatal(err)
		}
		hash[r.Hash] = true
	}
	if len(hash) != 2 {
		t.Errorf("%d different runs of two cases", len(hash))
	}
}

// A seed gives the same campaign.
func TestACampaignRepeats(t *testing.T) {
	l := laboratory(t)
	sum := func() (runs, messages uint64) {
		rep := Campaign{Seed: 9, Runs: 100, Wires: []string{"linux>pager"}}.Run(context.Background(), l)
		return rep.Runs, rep.Messages
	}
	runs, messages := sum()
	if r, m := sum(); r != runs || m != messages || runs != 100 {
		t.Errorf("%d runs of %d messages, then %d of %d", runs, messages, r, m)
	}
}

// What was found while this was built stays found out. docs/faults.md tells of each.
func TestOnceFound(t *testing.T) {
	l := laboratory(t)
	for _, c := range []struct {
		scenario string
		seed     uint64
		rules    []string
	}{
		{"files and directories", 0, []string{"program>linux syscall duplicate 32"}},
		{"segmentation faults say where and why", 0, []string{"program>linux fault duplicate"}},
		{"many processes give back what they took", 0, []string{"program>linux syscall stale-sequence"}},
		{"the break", 0, []string{"program>linux syscall drop"}},
		{"segmentation faults say where and why", 0, []string{"pager>program forward drop"}},
		{"trace: SIGKILL ends any stop", 0, []string{"program>linux report drop"}},
		{"effects that add up", 0, []string{"linux>console write-answer drop"}},
		{"effects that add up", 0, []string{"linux>pager object-create-answer drop 3"}},
		{"lines of standard input", 0, []string{"console>linux notify drop"}},
		{"effects that add up", 0, []string{"linux>root notify drop"}},
		{"segmentation faults say where and why", 0, []string{"program>linux fault flip 0 811491"}},
		{"lines of standard input", 0, []string{"linux>console write crash-after"}},
		{"children end in every way", 77, []string{"program>linux exception crash-before 1", "pager>program reply drop 15"}},
		{"seccomp: filters can be read by a tracer, and suspended", 77,
			[]string{"linux>pager space-fork-answer stale-sequence 1", "linux>pager space-fork-answer reorder 2"}},
		{"a requeue counts the woken and the moved", 0, []string{"program>linux syscall delay 8 47"}},
		{"segmentation faults say where and why", 0, []string{"program>linux fault flip 0 467589"}},
		{"trace: the program's own step flag stays", 0, []string{"program>linux exception flip 0 51141"}},
		{"seccomp: filters can be read by a tracer, and suspended", 0,
			[]string{"program>pager fault stale-sequence 1 0", "pager>program reply field 1 0"}},
		{"rseq: threads count in sequences and lose nothing, however they are cut off", 111, []string{"program>linux report crash-before 3 0"}},
		{"flock hands the file on", 0, []string{"program>pager fault delay 2 63"}},
		{"flock hands the file on", 0, []string{"pager>program reply delay 5 63"}},
		{"memory runs out for the one who takes it", 0, []string{"program>linux fault drop 0 0"}},
		{"a handler's frame finds memory although somebody holds all of it", 0, []string{"linux>program reply drop 8 0"}},
		{"an interrupted sleep tells what is left", 0, []string{"program>linux syscall delay 3 47"}},
		{"a FIFO brings reader and writer together", 0, []string{"linux>program reply flip 9 682"}},
		{"futex wait, wake, time-out", 0, []string{"linux>program reply delay 10 63"}},
		{"a lock outlives its owner", 0, []string{"program>linux syscall delay 3 63"}},
		{"threads that wait for each other's lock", 0, []string{"program>linux syscall delay 5 63"}},
		{"record locks wait, and never in a circle", 0, []string{"program>linux syscall delay 10 63"}},
		{"trace: fork, vfork and clone report the new thread, which is traced from the start", 0, []string{"program>linux syscall delay 38 63"}},
		{"rseq: a signal in a sequence aborts it before its handler runs", 0, []string{"linux>program reply delay 3 63"}},
		{"memory and file pages come and go", 0, []string{"program>linux syscall flip 10 984043"}},
		{"fork copies memory, descriptors, and shares offsets", 0, []string{"program>linux syscall field 7 450264"}},
	} {
		k := Case{Scenario: c.scenario, Seed: c.seed}
		for _, text := range c.rules {
			rule, err := fault.ParseRule(text)
			if err != nil {
				t.Fatal(err)
			}
			k.Plan = append(k.Plan, rule)
		}
		r, err := l.Run(k)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) > 0 || !r.Activated[0] {
			t.Errorf("%s, %v: struck %v, %.500q", c.scenario, k.Plan, r.Activated, r.Findings)
		}
	}
}

func TestAnUnknownScenario(t *testing.T) {
	l := &Laboratory{names: []string{"one", "two"}}
	if _, err := l.Run(Case{Scenario: "three"}); err == nil || err.Error() != "no scenario three; there are: one, two" {
		t.Error(err)
	}
}
