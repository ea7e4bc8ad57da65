package architecture

import (
	"go/ast"
	"regexp"
	"testing"
)

// processorNames are identifiers that name registers, instructions or page-table
// bits of an instruction set of ours. Names that are words elsewhere, like SP or
// FS, are found by the second rule: as fields of a register frame.
var processorNames = regexp.MustCompile(`(?i)^(` +
	`[re](ax|bx|cx|dx|si|di|bp|sp|ip|flags)|r(8|9|1[0-5])[dwb]?|` + // amd64
	`cr[0234]|dr[0-367]|xcr0|mxcsr|(fs|gs)_?base|orig_?[re]?ax|` +
	`[xyz]mm([0-9]|1[0-5])|msr[a-z0-9_]*|ia32_?[a-z0-9_]+|efer|` +
	`pml[45]e?|pdpte?|pdes?|ptes?|pte_?[a-z]+|page_?(present|nx|huge|global|dirty|accessed)(_?bit)?|` +
	`invlpg|wrmsr|rdmsr|swapgs|sysretq?|iretq?|lidt|lgdt|ltr|wrfsbase|xsave[a-z]*|xrstor[a-z]*|fxsave|fxrstor|` +
	`ttbr[01][a-z0-9_]*|elr_?el[01]|spsr_?el[01]|esr_?el[01]|far_?el[01]|tpidr[a-z0-9_]*|` + // arm64
	`satp|sstatus|scause|stval|sepc|mstatus|` + // riscv64
	`csr_?(crmd|era|estat|badv|pgd)[a-z0-9_]*)$`) // loong64

// knowsProcessor are the folders that may name them.
var knowsProcessor = []string{
	"arch",
	"ipc/frame",      // the layout of the frame is the registers
	"ipc/schema/cmd", // asserts that layout
	"ipc/sim",        // is a processor
	"ipc/callnum",    // documents which registers carry arguments
}

// Everything that depends on the instruction set is in arch/<isa>.
func TestOnlyArchNamesRegisters(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || in(s.dir, knowsProcessor...) || in(s.dir, "test") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if processorNames.MatchString(n.Name) {
					t.Errorf("%s:%d names %s", s.path, s.line(n), n.Name)
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.SelectorExpr); ok && (x.Sel.Name == "Regs" || x.Sel.Name == "Debug" && processorNames.MatchString(n.Sel.Name)) {
					t.Errorf("%s:%d reaches for register %s of a frame", s.path, s.line(n), n.Sel.Name)
				}
			}
			return true
		})
	}
}

// The list above is of use only if it finds what it is for, and nothing else.
func TestProcessorNames(t *testing.T) {
	for _, name := range []string{"rax", "RIP", "eflags", "cr3", "CR3", "fsBase", "FSBase", "pteWrite", "PTE", "invlpg", "sstatus", "ttbr0_el1", "r10", "xmm15", "msrEFER", "origAX"} {
		if !processorNames.MatchString(name) {
			t.Errorf("%s is not found", name)
		}
	}
	for _, name := range []string{"ip", "sp", "fs", "FS", "page", "present", "r", "regs", "Protect", "ptr", "description", "reports", "crypt", "r1", "satisfied", "Present", "option"} {
		if processorNames.MatchString(name) {
			t.Errorf("%s is found", name)
		}
	}
}
