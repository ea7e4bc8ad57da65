package main

import (
	"bytes"
	"os"
	"testing"
)

const root = "../../../../"

func TestFresh(t *testing.T) {
	table, err := os.ReadFile(root + "docs/syscalls.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(table, wholeTable()) {
		t.Error("docs/syscalls.md is not what the table says: run make generate")
	}
	trace, err := os.ReadFile(root + "docs/ptrace.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(trace, traceTables()) {
		t.Error("docs/ptrace.md is not what the tables say: run make generate")
	}
	states, err := os.ReadFile(root + "docs/run-states.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(states, runStates()) {
		t.Error("docs/run-states.md is not what the tables say: run make generate")
	}
	readme, err := os.ReadFile(root + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	updated, err := insert(readme, shortList())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(readme, updated) {
		t.Error("the list in README.md is not what the table says: run make generate")
	}
}

func TestMissingMarks(t *testing.T) {
	if _, err := insert([]byte("no marks"), nil); err == nil {
		t.Error("no error")
	}
}
