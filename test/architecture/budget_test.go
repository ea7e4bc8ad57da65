package architecture

import (
	"go/scanner"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// The kernel's budget on amd64 (docs/design.md), in lines with code on them.
const (
	goBudget       = 3000
	assemblyBudget = 800
)

// kernelFolders is what runs in ring 0 and is ours: the kernel and the part of arch it
// stands on. The program that generates the vector table counts, its output does not.
var (
	kernelFolders = []string{"microkernel", "arch/cpu", "arch/amd64"}
	notKernel     = []string{"arch/amd64/userabi", "arch/amd64/boot"} // the personality's and the host's side
	bootFolder    = "arch/amd64/boot"                                 // but its stub runs in ring 0
)

func TestKernelStaysInBudget(t *testing.T) {
	lines := map[string]int{}
	files := 0
	for _, s := range sources(t) {
		if in(s.dir, kernelFolders...) && !in(s.dir, notKernel...) && !s.test && !s.generated {
			lines["Go"] += goLines(s.text)
			files++
		}
	}
	walk(t, func(path string, text []byte) {
		assembly := strings.HasSuffix(path, ".s") || strings.HasSuffix(path, ".S") || strings.HasSuffix(path, ".h")
		ring0 := in(path, kernelFolders...) && !in(path, notKernel...) || in(path, bootFolder)
		if assembly && ring0 && !generatedMark.Match(text) {
			lines["assembly"] += assemblyLines(text)
		}
	})
	t.Logf("kernel: %d lines of Go, %d of assembly", lines["Go"], lines["assembly"])
	if files == 0 || lines["assembly"] == 0 {
		t.Fatal("no kernel found: are the folders right?")
	}
	if lines["Go"] > goBudget || lines["assembly"] > assemblyBudget {
		t.Errorf("kernel has %d lines of Go and %d of assembly, budget is %d and %d", lines["Go"], lines["assembly"], goBudget, assemblyBudget)
	}
}

// goLines counts the lines that have something else than comments on them.
func goLines(text []byte) int {
	set := token.NewFileSet()
	f := set.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(f, text, nil, 0)
	seen := map[int]bool{}
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return len(seen)
		}
		if tok == token.SEMICOLON && lit == "\n" {
			continue // inserted at the end of a line
		}
		first := f.Line(pos)
		for i := range strings.Count(lit, "\n") + 1 { // raw strings
			seen[first+i] = true
		}
	}
}

var blockComment = regexp.MustCompile(`(?s)/\*.*?\*/`)

// assemblyLines counts the same of assembly, Go's and GNU's.
func assemblyLines(text []byte) int {
	n := 0
	for line := range strings.SplitSeq(blockComment.ReplaceAllString(string(text), ""), "\n") {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "# ") {
			n++
		}
	}
	return n
}

func TestLineCounts(t *testing.T) {
	if n := goLines([]byte("package p\n\n// no\n/* no\nno */\nvar x = `a\nb`\n\nfunc f() { // yes\n}\n")); n != 5 {
		t.Errorf("%d lines of Go, want 5", n)
	}
	if n := assemblyLines([]byte("// no\n#include \"x.h\"\n\nTEXT a(SB)\n\tRET // yes\n/* no\nno */\n# no\n")); n != 3 {
		t.Errorf("%d lines of assembly, want 3", n)
	}
}
