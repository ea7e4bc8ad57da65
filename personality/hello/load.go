package hello

import (
	"errors"
	"fmt"
	"strings"

	"starling/arch/isa"
	"starling/ipc"
	"starling/ipc/rootfs"
	"starling/pager/client"
	"starling/personality/loader"

	"golang.org/x/sys/unix"
)

// Where a program's stack is.
const (
	stackTop   = 0x7fff_0000_0000
	stackPages = 16
	userLimit  = stackTop - stackPages*ipc.PageSize
	// programPriority is the lowest: servers go first.
	programPriority = 2
)

// contents is a file of the root file system as the loader reads it.
type contents []byte

// ReadAt implements loader.File.
func (c contents) ReadAt(p []byte, off int64) (int, unix.Errno) {
	if off < 0 || off >= int64(len(c)) {
		return 0, 0
	}
	return copy(p, c[off:]), 0
}

// load makes space and thread of a program and starts it. The pages of its file are
// those of the boot image.
func (p *Personality) load(slot int, g *ProgramT) error {
	if p.cfg.RootFS == nil {
		return errors.New("there is no root file system")
	}
	i, ok := p.cfg.RootFS.Find(strings.Trim(g.Path, "/"))
	if !ok {
		return errors.New("no such file")
	}
	entry := p.cfg.RootFS.Entry(i)
	if entry.Mode()&rootfs.TypeMask != rootfs.TypeFile {
		return errors.New("not a regular file")
	}
	file := p.cfg.RootFS.Contents(i)
	im, e := loader.ParseELF(contents(file), isa.ELFMachine, userLimit)
	if e != 0 {
		return fmt.Errorf("not a program: %w", e)
	}
	object, st := p.pager.ObjectAdopt(p.cfg.RootOffset+entry.Offset(), uint64(len(file)))
	if st != client.OK {
		return fmt.Errorf("its pages: %w", st)
	}
	defer p.pager.ObjectDestroy(object) // the mappings hold it
	space, handle, st := p.pager.SpaceCreate()
	if st != client.OK {
		return fmt.Errorf("its address space: %w", st)
	}
	g.Space, g.SpaceHandle = uint32(space), uint32(handle)
	if err := p.mapSegments(space, object, im); err != nil {
		return err
	}
	return p.startThread(slot, g, im.Entry)
}

// mapSegments maps the file: what is written goes to a private copy, and what lies past
// the file's bytes is zero.
func (p *Personality) mapSegments(space client.Space, object client.Object, im *loader.Image) error {
	for _, s := range im.Segments {
		from := s.Address &^ (ipc.PageSize - 1)
		file := pagesTo(from, s.Address+s.FileSize)
		all := pagesTo(from, s.Address+s.MemSize)
		st := client.OK
		if s.FileSize > 0 {
			st = p.pager.Map(space, client.Region{Address: from, Pages: file, Access: s.Access, Object: object,
				Offset: s.Offset &^ (ipc.PageSize - 1)})
		} else {
			file = 0
		}
		if st == client.OK && all > file {
			st = p.pager.Map(space, client.Region{Address: from + file*ipc.PageSize, Pages: all - file, Access: s.Access})
		}
		if st != client.OK {
			return fmt.Errorf("mapping %#x: %w", s.Address, st)
		}
		if s.FileSize > 0 && s.MemSize > s.FileSize && !p.zeroRest(space, s.Address+s.FileSize) {
			return fmt.Errorf("mapping %#x: the rest of its last page", s.Address)
		}
	}
	st := p.pager.Map(space, client.Region{Address: stackTop - stackPages*ipc.PageSize, Pages: stackPages, Access: ipc.Read | ipc.Write})
	if st != client.OK {
		return fmt.Errorf("its stack: %w", st)
	}
	return nil
}

func pagesTo(from, end uint64) uint64 { return (end - from + ipc.PageSize - 1) / ipc.PageSize }

// zeroRest clears a page from at on.
func (p *Personality) zeroRest(space client.Space, at uint64) bool {
	if at%ipc.PageSize == 0 {
		return true
	}
	e, _, st := p.pager.Resolve(space, at, ipc.Write, true)
	page := p.pager.PageAt(e)
	if st != client.OK || page == nil {
		return false
	}
	clear(page[at%ipc.PageSize:])
	return true
}

// grantPages is what the kernel gets when it has no memory for a thread.
const grantPages = 16

func (p *Personality) startThread(slot int, g *ProgramT, entry uint64) error {
	spec := ipc.ThreadSpec{
		Space: ipc.Handle(g.SpaceHandle), Kind: ipc.Program, Priority: programPriority,
		FrameMemory: p.cfg.Frames, FrameOffset: uint64(slot) * ipc.PageSize,
		FaultEndpoint: p.cfg.PagerWire, FaultBadge: uint64(g.Space),
		TrapEndpoint: p.cfg.Endpoint, TrapBadge: uint64(slot),
	}
	h, _, err := p.t.ThreadCreate(&spec)
	if err == ipc.ErrMemory && p.pager.KernelGrant(grantPages) == client.OK {
		h, _, err = p.t.ThreadCreate(&spec)
	}
	if err != nil {
		return fmt.Errorf("its thread: %w", err)
	}
	g.ThreadHandle = uint32(h)
	isa.Start(p.frame(slot), entry, stackTop-16)
	const registers = ipc.MaskGeneral | ipc.MaskControl | ipc.MaskSegments | ipc.MaskFP
	return p.t.ThreadStart(h, registers, 0, 0)
}
