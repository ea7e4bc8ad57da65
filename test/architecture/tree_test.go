package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root of the source tree, seen from this folder.
const root = "../.."

// module is the name in go.mod.
const module = "starling/"

// source is one Go file.
type source struct {
	path      string // below the root, with slashes
	dir       string
	test      bool
	generated bool
	file      *ast.File
	set       *token.FileSet
	text      []byte
}

func (s *source) imports() []string {
	var list []string
	for _, i := range s.file.Imports {
		list = append(list, strings.Trim(i.Path.Value, `"`))
	}
	return list
}

func (s *source) line(n ast.Node) int { return s.set.Position(n.Pos()).Line }

var generatedMark = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// walk calls f for every regular file of the tree that belongs to it: what is
// built, hidden or a test's own data is left out.
func walk(t *testing.T, f func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel == "build" || rel == "bin" || rel == ".git" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || rel == ".git" { // a file in a linked work tree
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			f(rel, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var all []source

// sources parses every Go file, whatever its build constraints.
func sources(t *testing.T) []source {
	t.Helper()
	if all != nil {
		return all
	}
	set := token.NewFileSet()
	walk(t, func(path string, text []byte) {
		// Folders with an underscore are overlaid on the Go runtime and are none of our packages.
		if !strings.HasSuffix(path, ".go") || strings.Contains("/"+path, "/_") {
			return
		}
		f, err := parser.ParseFile(set, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		all = append(all, source{path: path, dir: dir, test: strings.HasSuffix(path, "_test.go"),
			generated: generatedMark.Match(text), file: f, set: set, text: text})
	})
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: is the root right?", len(all))
	}
	return all
}

// in reports whether a folder or package is one of the given, or below it.
func in(dir string, rooms ...string) bool {
	for _, r := range rooms {
		if dir == r || strings.HasPrefix(dir, r+"/") {
			return true
		}
	}
	return false
}
