package architecture

import (
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// Paths of the machine the tree was written on, and words for what is not done.
// They are put together here so that this file does not find itself.
var (
	machinePath = regexp.MustCompile(strings.Join([]string{
		"/wor" + "k/", "/roo" + "t/(go|work|starling)", "/hom" + "e/[a-z]+/", "/tm" + "p/(bash|proto|brief|work)"}, "|"))
	unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b|\bfor n` + `ow\b`)
)

func TestNothingOfTheWritersMachine(t *testing.T) {
	walk(t, func(path string, text []byte) {
		if !utf8.Valid(text) || strings.HasSuffix(path, "go.sum") {
			return
		}
		for i, line := range strings.Split(string(text), "\n") {
			if m := machinePath.FindString(line); m != "" {
				t.Errorf("%s:%d has the path %s", path, i+1, m)
			}
			if m := unfinished.FindString(line); m != "" {
				t.Errorf("%s:%d says %q", path, i+1, m)
			}
		}
	})
}

// A package says what it is for.
func TestPackagesAreDocumented(t *testing.T) {
	documented, packages := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		packages[s.dir] = true
		if s.file.Doc != nil && len(s.file.Doc.Text()) > 20 {
			documented[s.dir] = true
		}
		for _, word := range []string{"util", "utils", "common", "helpers", "misc"} {
			if path.Base(s.dir) == word {
				t.Errorf("%s: a package is named after what it does", s.dir)
			}
		}
	}
	for dir := range packages {
		if !documented[dir] {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

// What the schemas say is what the code has.
func TestGeneratedFilesAreFresh(t *testing.T) {
	c := exec.Command("go", "run", "./ipc/schema/cmd/generate", "-check")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
