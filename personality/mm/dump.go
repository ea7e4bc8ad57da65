package mm

import (
	"starling/ipc"
	"starling/pager/table"
)

// What of an address space goes into a core file: /proc/PID/coredump_filter of core(5).

const (
	dumpAnonPrivate = 1 << iota
	dumpAnonShared
	dumpMappedPrivate
	dumpMappedShared
	dumpELFHeaders
	dumpHugePrivate

	// DumpDefault is the filter of a process that nobody has set one for.
	DumpDefault = dumpAnonPrivate | dumpAnonShared | dumpELFHeaders | dumpHugePrivate
	// DumpKnown is all bits of the filter that exist (MMF_DUMP_FILTER_MASK).
	DumpKnown = 1<<9 - 1
)

// executableMode is S_IXUSR, S_IXGRP and S_IXOTH.
const executableMode = 0111

// elfMagic is how an ELF file begins.
const elfMagic = "\x7fELF"

// DumpSize is how many bytes of a region a core file has (vma_dump_size of
// Linux's fs/coredump.c).
func (s *Space) DumpSize(r *Region) uint64 {
	filter, whole := s.DumpFilter, r.Len()
	on := func(bit uint32, size uint64) uint64 {
		if filter&bit != 0 {
			return size
		}
		return 0
	}
	switch {
	case r.Flags&(VDSO|VVar) != 0:
		return whole
	case r.Flags&NoDump != 0:
		return 0
	case r.Flags&Shared != 0 && (r.File == nil || r.File.Inode.Nlink == 0):
		return on(dumpAnonShared, whole)
	case r.Flags&Shared != 0:
		return on(dumpMappedShared, whole)
	case filter&dumpAnonPrivate != 0 && s.written(r):
		return whole
	case r.File == nil:
		return 0
	case filter&dumpMappedPrivate != 0:
		return whole
	case filter&dumpELFHeaders != 0 && r.Offset == 0 && r.Access&ipc.Read != 0 && s.beginsProgram(r):
		return pageSize
	}
	return 0
}

// written reports whether a private region has pages of its own.
func (s *Space) written(r *Region) bool {
	for va := r.Start; ; va += pageSize {
		next, ok := s.m.Pager.SpaceNext(s.Pager, va)
		if !ok || next >= r.End {
			return false
		}
		if _, e := s.m.Pager.SpacePage(s.Pager, next); e&(table.Owned|table.Present) != table.Present {
			return true
		}
		va = next
	}
}

// beginsProgram reports whether the file that is mapped looks like a program or library.
func (s *Space) beginsProgram(r *Region) bool {
	if r.File.Inode.Mode&executableMode != 0 {
		return true
	}
	b, e := Forced{s}.Span(r.Start, len(elfMagic), ipc.Read)
	return e == 0 && string(b) == elfMagic
}

// DumpNext finds the first page of a region at or after va that a core file needs bytes of: the
// others were never touched and are holes that read as zeros.
func (s *Space) DumpNext(r *Region, va uint64) (uint64, bool) {
	switch {
	case r.Flags&VVar != 0:
		return 0, false
	case r.Object != 0:
		return va, va < r.End
	}
	next, ok := s.m.Pager.SpaceNext(s.Pager, va)
	return next, ok && next < r.End
}

// Usage counts the pages of a region that have frames: those of the space alone, and those of
// the file or object that is mapped.
func (s *Space) Usage(r *Region) (own, others uint64) {
	for va := r.Start; ; va += pageSize {
		next, ok := s.m.Pager.SpaceNext(s.Pager, va)
		if !ok || next >= r.End {
			return own, others
		}
		va = next
		switch _, e := s.m.Pager.SpacePage(s.Pager, va); {
		case e&table.Owned != 0:
			own++
		case e&table.Present != 0:
			others++
		}
	}
}
