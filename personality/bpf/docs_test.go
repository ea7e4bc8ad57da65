package bpf

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/probes.md names every helper and no other.
func TestHelpersAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/probes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "<!-- helpers -->\n")
	list, _, ok := strings.Cut(rest, "<!-- end -->")
	if !ok {
		t.Fatal("the marks around the helpers are gone")
	}
	got := regexp.MustCompile(`(?m)^\w+`).FindAllString(list, -1)
	var want []string
	for _, h := range helpers {
		want = append(want, h.name)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("documented are %q, there are %q", got, want)
	}
}
