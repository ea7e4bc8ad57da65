package procfs

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// What proc(5) and core(5) have about core files.

func showCorePattern(r *request) ([]byte, unix.Errno) {
	return []byte(r.fs.source.System().CorePattern + "\n"), 0
}

// storeCorePattern: EOPNOTSUPP for a pattern that names a program to pipe the core into.
func storeCorePattern(r *request, text string) unix.Errno {
	text, _, _ = strings.Cut(text, "\n")
	if !r.fs.source.SetCorePattern(text) {
		return unix.EOPNOTSUPP
	}
	return 0
}

func showCoreUsesPID(r *request) ([]byte, unix.Errno) {
	return fmt.Appendf(nil, "%d\n", r.fs.source.System().CoreUsesPID), 0
}

func storeCoreUsesPID(r *request, text string) unix.Errno {
	v, e := parseInt(text)
	switch {
	case e != 0:
		return e
	case int64(int32(v)) != v:
		return unix.EINVAL
	}
	r.fs.source.SetCoreUsesPID(int32(v))
	return 0
}

func showDumpFilter(r *request) ([]byte, unix.Errno) {
	if r.t.Memory == nil {
		return nil, 0
	}
	return fmt.Appendf(nil, "%08x\n", r.t.Memory.DumpFilter), 0
}

// storeDumpFilter sets it; bits that mean nothing are dropped.
func storeDumpFilter(r *request, text string) unix.Errno {
	v, e := parseInt(text)
	if e != 0 {
		return e
	}
	if r.t.Memory == nil {
		return unix.ESRCH
	}
	r.fs.source.SetDumpFilter(r.t.TID, uint32(v))
	return 0
}
