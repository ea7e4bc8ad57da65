package faults

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"starling/ipc/fault"
	"starling/test/faults"
)

// example is a report with one of everything.
func example(t *testing.T) *Summary {
	t.Helper()
	rule, err := fault.ParseRule("linux>pager map flip 3 7")
	if err != nil {
		t.Fatal(err)
	}
	struck := &faults.Cell{Place: rule.Place, Kind: fault.Flip, Activated: 5, Findings: 1}
	struck.Outcomes[fault.Unnoticed] = 4
	harmed := &faults.Cell{Place: fault.Find("program>linux", "syscall"), Kind: fault.Drop, Activated: 2}
	harmed.Outcomes[fault.Harmed] = 2
	r := &faults.Report{Seed: 7, Runs: 9, Messages: 100, Cells: []*faults.Cell{struck, {Place: rule.Place, Kind: fault.Drop}, harmed},
		Findings: []faults.Finding{{Result: &faults.Result{Case: faults.Case{Scenario: "it's <one>", Seed: 3, Plan: fault.Plan{rule}},
			Hash: 0xabc, Findings: []string{"output <b>"}}, Was: fault.Plan{rule, rule}}}}
	return Summarise("sim", r, 2)
}

func TestText(t *testing.T) {
	var b strings.Builder
	example(t).Text(&b)
	for _, want := range []string{"A = drop", "B = flip", "never", "5!", "2h", "9 runs, 100 messages, 2 s, 270 runs a minute: 1 finding; 1 cell never activated",
		`repeat: starling faults --tier sim --scenario 'it'\''s <one>' --seed 3 --rule 'linux>pager map flip 3 7' --hash 0000000000000abc`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestPage(t *testing.T) {
	var b strings.Builder
	if err := example(t).HTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`class="finding"`, `class="never"`, `class="harmed"`, "it&#39;s &lt;one&gt;", "&lt;b&gt;"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q", want)
		}
	}
	for _, from := range []string{"http:", "https:", "src=", "<link"} {
		if strings.Contains(b.String(), from) {
			t.Errorf("the page needs something else: %s", from)
		}
	}
}

func TestJSONReadsBack(t *testing.T) {
	var b bytes.Buffer
	s := example(t)
	if err := s.JSON(&b); err != nil {
		t.Fatal(err)
	}
	var back Summary
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || len(back.Cells) != 3 || back.Findings[0].Repeat != s.Findings[0].Repeat {
		t.Error(err, back)
	}
}
