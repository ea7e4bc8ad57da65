//go:build suites

package suites

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// results is what a suite reported: the verdict by the name of the test, "PROGRAM" or
// "PROGRAM: TEST". A program that says nothing of its tests has its exit status.
type results map[string]string

// add records a verdict. A program may report the same name more than once.
func (r results) add(name, verdict string) {
	for n := 2; ; n++ {
		if _, twice := r[name]; !twice {
			r[name] = verdict
			return
		}
		name = fmt.Sprintf("%s (%d)", regexp.MustCompile(` \(\d+\)$`).ReplaceAllString(name, ""), n)
	}
}

// deviation is a result that may differ, and why.
type deviation struct {
	test string // the whole name; * is any text
	got  string // the verdict on Starling, "" for any
	why  string
}

// reason finds why a test may differ, "" when it may not.
func reason(list []deviation, name, got string) string {
	for _, d := range list {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(d.test), `\*`, ".*")
		if (d.got == "" || d.got == got) && regexp.MustCompile("^"+pattern+"$").MatchString(name) {
			return d.why
		}
	}
	return ""
}

// compare prints a line for every result that is not the same on both systems; one without a
// reason fails the test. There have to be some results: a suite that does not run reports none.
func compare(t *testing.T, want, got results, least int, allowed []deviation) {
	t.Helper()
	if len(want) < least {
		t.Fatalf("only %d results on Linux, want %d: the suite did not run", len(want), least)
	}
	names := map[string]bool{}
	for _, r := range []results{want, got} {
		for n := range r {
			names[n] = true
		}
	}
	var sorted []string
	for n := range names {
		sorted = append(sorted, n)
	}
	slices.Sort(sorted)
	same, explained := 0, 0
	for _, n := range sorted {
		if want[n] == got[n] {
			same++
			continue
		}
		line := fmt.Sprintf("%s: Linux %s, Starling %s", n, said(want[n]), said(got[n]))
		if why := reason(allowed, n, said(got[n])); why != "" {
			explained++
			t.Logf("deviation: %s: %s", line, why)
		} else {
			t.Errorf("DEVIATION WITHOUT A REASON: %s", line)
		}
	}
	t.Logf("%d results, %d the same, %d differ for a reason, %d without one", len(sorted), same, explained,
		len(sorted)-same-explained)
}

func said(verdict string) string {
	if verdict == "" {
		return "nothing"
	}
	return verdict
}
