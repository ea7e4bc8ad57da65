package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The build "next" of the personality has a state that differs from the present one
// as two versions do: one field is deprecated, one is new. It is there so that
// swaps between versions are exercised all the time. Files that come out the same are
// shared; of the others each build has its own, chosen by a build tag.
const (
	nextTag       = "starling_next"
	nextDir       = "personality/state"
	nextFile      = "task.fbs"
	nextTable     = "Tasks"
	nextDropped   = "last_run"
	nextAdded     = "most_threads: uint (id: %d, expendable);"
	nextPackage   = "personality"
	nextExtension = "_next.go"
)

var numbered = regexp.MustCompile(`\(id: (\d+)`)

// variant adds the files of the next state.
func variant(root string, files Files) error {
	temp, err := os.MkdirTemp("", "starling-next-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	to := filepath.Join(temp, nextDir)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	all, err := filepath.Glob(filepath.Join(root, nextDir, "*.fbs"))
	if err != nil {
		return err
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err == nil && filepath.Base(path) == nextFile {
			text, err = nextSchema(text)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(path)), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	next := Files{}
	j := job{dir: nextDir, out: nextPackage, objects: true}
	if err := j.run(temp, next); err != nil {
		return err
	}
	for path, text := range next {
		if bytes.Equal(text, files[path]) {
			continue
		}
		files[path] = constrain(files[path], "!"+nextTag)
		files[strings.TrimSuffix(path, ".go")+nextExtension] = constrain(text, nextTag)
	}
	return nil
}

// nextSchema changes the one table.
func nextSchema(text []byte) ([]byte, error) {
	before, rest, ok := bytes.Cut(text, []byte("table "+nextTable+" {"))
	table, after, closed := bytes.Cut(rest, []byte("\n}"))
	if !ok || !closed {
		return nil, fmt.Errorf("%s has no table %s", nextFile, nextTable)
	}
	last := 0
	for _, m := range numbered.FindAllSubmatch(table, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		last = max(last, n)
	}
	dropped := regexp.MustCompile(`(` + nextDropped + `: \w+ \(id: \d+)\)`)
	if len(dropped.FindAll(table, -1)) != 1 {
		return nil, fmt.Errorf("%s has no field %s", nextTable, nextDropped)
	}
	table = dropped.ReplaceAll(table, []byte("$1, deprecated)"))
	table = fmt.Appendf(table, "\n  "+nextAdded, last+1)
	return bytes.Join([][]byte{before, []byte("table " + nextTable + " {"), table, []byte("\n}"), after}, nil), nil
}

// constrain puts a build constraint behind the first line.
func constrain(text []byte, tag string) []byte {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	return fmt.Appendf(nil, "%s\n\n//go:build %s\n%s", first, tag, rest)
}
