package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// How docs/semantics.md names tests.
var (
	aTest     = regexp.MustCompile(`^Test\w+$`)
	aScenario = regexp.MustCompile("^scenario `(.*)`$")
	aSession  = regexp.MustCompile("^session `(.*)`$")
	aSelftest = regexp.MustCompile("^selftest `(.*)/(.*)`$")

	aName = regexp.MustCompile("Test\\w+|(scenario|session|selftest) `[^`]*`")

	testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	scenarioName = regexp.MustCompile(`\{Name: "([^"]*)"`)
)

// Every rule of docs/semantics.md has tests, and every one that is named there exists.
func TestRulesHaveTests(t *testing.T) {
	text, err := os.ReadFile("../../docs/semantics.md")
	if err != nil {
		t.Fatal(err)
	}
	functions, scenarios, suites := map[string]bool{}, map[string]bool{}, ""
	walk(t, func(path string, text []byte) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		for _, m := range testFunction.FindAllSubmatch(text, -1) {
			functions[string(m[1])] = true
		}
		if strings.Contains(path, "test/sim/") {
			for _, m := range scenarioName.FindAllSubmatch(text, -1) {
				scenarios[string(m[1])] = true
			}
		}
		if strings.HasSuffix(path, "test/suites/selftests.go") {
			suites = string(text)
		}
	})
	exists := func(name string) bool {
		if aTest.MatchString(name) {
			return functions[name]
		}
		if m := aScenario.FindStringSubmatch(name); m != nil {
			return scenarios[m[1]]
		}
		if m := aSession.FindStringSubmatch(name); m != nil {
			_, err := os.Stat(filepath.Join("../system/testdata", m[1]+".want"))
			return err == nil
		}
		m := aSelftest.FindStringSubmatch(name)
		return m != nil && strings.Contains(suites, `"`+m[1]+`"`) && strings.Contains(suites, `"`+m[2]+`"`)
	}
	rules := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 2 || !strings.HasPrefix(cells[0], "| ") || cells[0] == "| rule" {
			continue
		}
		rules++
		rule, tests := strings.TrimPrefix(cells[0], "| "), strings.TrimSuffix(cells[1], " |")
		for _, name := range aName.FindAllString(tests, -1) {
			if !exists(name) {
				t.Errorf("%s: there is no %s", rule, name)
			}
		}
		if rest := strings.Trim(aName.ReplaceAllString(tests, ""), "; "); rest != "" || tests == "" {
			t.Errorf("%s: %q names no test", rule, tests)
		}
	}
	if rules < 50 {
		t.Errorf("only %d rules: is the page in its form?", rules)
	}
}
