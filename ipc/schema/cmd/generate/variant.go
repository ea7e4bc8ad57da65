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
// swaps between versions are exercised all the time. The one table that differs has
// files of its own for each build, chosen by a build tag.
const (
	nextTag       = "starling_next"
	nextDir       = "personality/state"
	nextOut       = "personality"
	nextRoot      = "personality.fbs"
	nextFile      = "task.fbs"
	nextTable     = "Tasks"
	nextDropped   = "last_run"
	nextAdded     = "most_threads: uint (id: %d, expendable);"
	nextExtension = "_next"
)

var numbered = regexp.MustCompile(`\(id: (\d+)`)

// variant adds the files of the table that differs: as it is, and as it will be.
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
	if err := tableAlone(root, "!"+nextTag, "", files); err != nil {
		return err
	}
	return tableAlone(temp, nextTag, nextExtension, files)
}

// apartName is the variable that describes a table with files of its own.
func apartName(table string) string { return strings.ToLower(table[:1]) + table[1:] + "Object" }

// tableAlone writes struct and description of the table for the builds with a tag.
func tableAlone(root, tag, extension string, files Files) error {
	b, err := binarySchema(root, nextDir, nextRoot)
	if err != nil {
		return err
	}
	space, objects, err := rooted(b)
	if err != nil {
		return err
	}
	d, err := describe(b)
	if err != nil {
		return err
	}
	for i := range objects {
		if objects[i].name != nextTable {
			continue
		}
		var w bytes.Buffer
		fmt.Fprintf(&w, "\n//go:build %s\n\npackage %s\n\nimport \"starling/ipc/wire\"\n\n", tag, space)
		objects[i].write(&w)
		fmt.Fprintf(&w, "var %s = wire.ObjectType", apartName(nextTable))
		describeObject(&w, &d.Objects[i])
		fmt.Fprintf(&w, "\n")
		return files.add(filepath.Join(nextOut, space, strings.ToLower(nextTable)+"_object"+extension+".go"), nextFile, w.Bytes())
	}
	return fmt.Errorf("%s has no table %s", nextRoot, nextTable)
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
