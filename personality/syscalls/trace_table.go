package syscalls

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// TraceOption is one option of PTRACE_SETOPTIONS and PTRACE_SEIZE.
type TraceOption struct {
	Bit     uint32
	Name    string
	Support Support
	Note    string
}

// TraceOptions is all options, by bit.
var TraceOptions = []TraceOption{
	{unix.PTRACE_O_TRACESYSGOOD, "PTRACE_O_TRACESYSGOOD", Full, "stops at calls are SIGTRAP\\|0x80"},
	{unix.PTRACE_O_TRACEFORK, "PTRACE_O_TRACEFORK", Full, ""},
	{unix.PTRACE_O_TRACEVFORK, "PTRACE_O_TRACEVFORK", Full, ""},
	{unix.PTRACE_O_TRACECLONE, "PTRACE_O_TRACECLONE", Full, ""},
	{unix.PTRACE_O_TRACEEXEC, "PTRACE_O_TRACEEXEC", Full, "the message is the thread's number before"},
	{unix.PTRACE_O_TRACEVFORKDONE, "PTRACE_O_TRACEVFORKDONE", Full, ""},
	{unix.PTRACE_O_TRACEEXIT, "PTRACE_O_TRACEEXIT", Full, "for every death; after the core file is written"},
	{unix.PTRACE_O_TRACESECCOMP, "PTRACE_O_TRACESECCOMP", Full, "the filters are asked again afterwards"},
	{unix.PTRACE_O_EXITKILL, "PTRACE_O_EXITKILL", Full, ""},
	{unix.PTRACE_O_SUSPEND_SECCOMP, "PTRACE_O_SUSPEND_SECCOMP", Full, "CAP_SYS_ADMIN"},
}

// needNames says in words in which state a request wants the thread.
var needNames = [...]string{held: "held", traced: "traced", anybody: "any", nobody: "the caller"}

// TraceMarkdown is the tables of ptrace(2) as the documentation shows them.
func TraceMarkdown() string {
	var b strings.Builder
	b.WriteString("| number | request | thread | support | note |\n|---|---|---|---|---|\n")
	for _, r := range TraceRequests {
		fmt.Fprintf(&b, "| %#x | %s | %s | %s | %s |\n", r.Number, r.Name, needNames[r.Needs], r.Support, r.Note)
	}
	b.WriteString("\n| bit | option | support | note |\n|---|---|---|---|\n")
	for _, o := range TraceOptions {
		fmt.Fprintf(&b, "| %#x | %s | %s | %s |\n", o.Bit, o.Name, o.Support, o.Note)
	}
	return b.String()
}
