package main

import (
	"bytes"
	"os"
	"testing"
)

func TestVectorsAreFresh(t *testing.T) {
	have, err := os.ReadFile("../vectors_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, generate()) {
		t.Error("arch/amd64/vectors_amd64.s is stale: run go generate ./arch/amd64")
	}
}
