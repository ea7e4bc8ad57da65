package main

import (
	"bytes"
	"os"
	"testing"
)

func TestDocumentIsFresh(t *testing.T) {
	have, err := os.ReadFile("../../../../docs/kernel-interface.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, generate()) {
		t.Error("docs/kernel-interface.md is stale: run go generate ./ipc/callnum")
	}
}
