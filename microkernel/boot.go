package microkernel

import (
	"fmt"
	"unsafe"

	"starling/arch/cpu"
	"starling/ipc"
	"starling/ipc/bundle"
)

// Runtime is what the kernel needs to know from the Go runtime it runs on.
type Runtime struct {
	// Unused ends the growth of the heap and tells what it left over.
	Unused func() cpu.Region
	// SetClock tells the runtime the time: ns since boot = (ticks-start)*mult>>32.
	SetClock func(start, mult, wall uint64)
	// Settle is called once before the first thread runs: from then on nothing is
	// allocated on the heap, and it needs no collector.
	Settle func()
	// Allocations counts the objects allocated so far.
	Allocations func() uint64
}

// Memory that is set aside at boot, in pages.
const (
	bootPool  = 128 // for the kernel's own objects, until root grants more
	rootHeap  = 8 << 20 / cpu.PageSize
	rootStack = ipc.StackSizeBytes / cpu.PageSize
	largest   = cpu.LargeSize / cpu.PageSize
)

// rootFile is the bundle's file that becomes root.
const rootFile = "root"

// Run boots: it finds out what the machine is, makes root from the boot image and
// hands it everything else. It does not return. An image or machine that cannot be
// booted is one line on the emergency console.
func Run(r Runtime) {
	cpu.Init()
	k := &kernel{armed: never, mallocs: r.Allocations}
	if err := k.boot(r); err != nil {
		cpu.Say("starling: " + err.Error() + "\n")
		cpu.Exit(cpu.ExitBroken)
	}
	r.Settle()
	k.mallocsAtStart = r.Allocations()
	k.now = k.clock.Nanoseconds(cpu.Ticks())
	k.run(k.pick())
}

func (k *kernel) boot(r Runtime) error {
	m, err := cpu.FindMachine(r.Unused())
	if err != nil {
		return err
	}
	k.clock = cpu.Calibrate(m.StartTicks)
	// The clock is read after boot has begun: take what has passed off.
	wall := cpu.WallClock()
	wall -= min(wall, k.clock.Nanoseconds(cpu.Ticks()))
	r.SetClock(k.clock.Start, k.clock.Mult, uint64(wall))

	s := starter{k: k, free: m.Free}
	k.pool.grant(s.take(bootPool, 1), bootPool)
	if s.short {
		return errNoMemory
	}
	info := &ipc.ServerInfo{
		Magic: ipc.ServerInfoMagic, Version: ipc.ServerInfoVersion, Size: uint32(unsafe.Sizeof(ipc.ServerInfo{})),
		TSC0: k.clock.Start, Mult: k.clock.Mult, Wall: uint64(wall),
		HeapBase: ipc.HeapAddress, HeapLimit: ipc.HeapAddress + rootHeap*cpu.PageSize,
		Buffer: ipc.BufferAddress, Seed: m.Seed,
	}
	image, err := rootImage(m.Bundle)
	if err != nil {
		return err
	}
	if err := s.makeRoot(image, info); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := s.handOver(m, info); err != nil {
		return fmt.Errorf("capabilities of root: %w", err)
	}
	*s.info = *info
	k.makeReady(s.root)
	k.root = s.root
	return nil
}

// rootImage finds the program file of root in the boot image.
func rootImage(r cpu.Region) ([]byte, error) {
	b, err := bundle.Parse(unsafe.Slice((*byte)(cpu.Physical(r.Start)), r.Size))
	if err != nil {
		return nil, err
	}
	e, ok := b.Find(rootFile)
	if !ok {
		return nil, fmt.Errorf("boot image damaged: no file %q", rootFile)
	}
	return b.Bytes(e), nil
}

// starter makes root.
type starter struct {
	k     *kernel
	free  []cpu.Region
	short bool // memory was not enough
	root  *thread
	info  *ipc.ServerInfo
}

var errNoMemory = fmt.Errorf("not enough memory: give the machine more")

// take cuts zeroed pages off the end of the largest free region, aligned to a
// number of pages, and returns their physical address.
func (s *starter) take(pages, align uint64) uint64 {
	best := 0
	for i, r := range s.free {
		if r.Size > s.free[best].Size {
			best = i
		}
	}
	size := pages * cpu.PageSize
	if len(s.free) == 0 || s.free[best].Size < size+align*cpu.PageSize {
		s.short = true
		return 0
	}
	r := &s.free[best]
	start := (r.Start + r.Size - size) &^ (align*cpu.PageSize - 1)
	if rest := r.Start + r.Size - start - size; rest > 0 {
		s.free = append(s.free, cpu.Region{Start: start + size, Size: rest})
		r = &s.free[best]
	}
	r.Size = start - r.Start
	clear(unsafe.Slice((*byte)(cpu.Physical(start)), size))
	return start
}

// makeRoot builds root's space and thread as docs/contract.md lays a server out.
func (s *starter) makeRoot(image []byte, info *ipc.ServerInfo) error {
	k := s.k
	sp, e := k.newSpace()
	if e != 0 {
		return e
	}
	entry, err := s.load(sp, image)
	if err != nil {
		return err
	}
	infoPage, buffer := s.take(1, 1), s.take(1, 1)
	stack, heap := s.take(rootStack, 1), s.take(rootHeap, largest)
	if s.short {
		return errNoMemory
	}
	data := cpu.Rights{Write: true}
	for _, part := range [...]struct {
		va, physical, pages uint64
		rights              cpu.Rights
	}{
		{ipc.InfoAddress, infoPage, 1, cpu.Rights{}},
		{ipc.BufferAddress, buffer, 1, data},
		{ipc.StackTop - ipc.StackSizeBytes, stack, rootStack, data},
		{ipc.HeapAddress, heap, rootHeap, data},
	} {
		if e := changed(sp.table.MapRange(part.va, part.physical, part.pages, part.rights, &k.pool)); e != 0 {
			return e
		}
	}
	top := unsafe.Slice((*byte)(cpu.Physical(stack)), ipc.StackSizeBytes)
	sp0, err := ipc.ServerStack(top[ipc.StackSizeBytes-cpu.PageSize:], ipc.StackTop, []string{rootFile}, nil, info.Seed)
	if err != nil {
		return err
	}
	s.root, e = k.makeThread(sp, ipc.Server, 0, buffer)
	if e != 0 {
		return e
	}
	s.root.SetStart(entry, sp0)
	s.info = (*ipc.ServerInfo)(cpu.Physical(infoPage))
	return nil
}

// handOver gives root capabilities to everything and lists them in its info page.
func (s *starter) handOver(m cpu.Machine, info *ipc.ServerInfo) error {
	k := s.k
	var failed error
	grant := func(name string, kind ipc.GrantKind, c capability, base, size uint64) {
		h, e := k.insert(s.root.server, c)
		if e != 0 {
			failed = e
			return
		}
		if err := info.AddGrant(name, ipc.Grant{Handle: h, Kind: kind, Base: base, Size: size}); err != nil {
			failed = err
		}
	}
	piece := func(name string, r cpu.Region, mapped, device bool) {
		mem, e := k.newMemory(r.Start, r.Size/cpu.PageSize)
		if e != 0 {
			failed = e
			return
		}
		kind := ipc.GrantMemory
		if device {
			kind = ipc.GrantDevice
		}
		mem.mapped, mem.device = mapped, device
		grant(name, kind, capability{kind: capMemory, object: pointer(mem)}, r.Start, r.Size)
	}
	grant("self", ipc.GrantThread, capability{kind: capThread, badge: s.root.Name}, 0, 0)
	s.root.space.refs++
	grant("space", ipc.GrantSpace, capability{kind: capSpace, object: pointer(s.root.space)}, 0, 0)
	grant("machine", ipc.GrantMachine, capability{kind: capMachine}, 0, 0)
	grant("interrupts", ipc.GrantInterrupts, capability{kind: capInterrupts}, 0, uint64(cpu.Lines()))
	for _, p := range cpu.Ports {
		grant(p.Name, ipc.GrantPorts, capability{kind: capPorts, badge: p.First | p.Count<<32}, p.First, p.Count)
	}
	piece("bundle", m.Bundle, true, false)
	piece("devices", cpu.Devices, false, true)
	n := 0
	for _, r := range s.free {
		if r.Size >= cpu.PageSize && info.GrantCount < ipc.MaxGrants {
			piece(fmt.Sprint("memory", n), r, false, false)
			n++
		}
	}
	return failed
}

// rootDied ends the machine: nobody is left who could act.
func rootDied(t *thread) {
	cpu.Say("\nstarling: root died:")
	cpu.SayWord(" trap", t.Trap)
	cpu.SayWord(" error code", t.Code)
	cpu.SayWord(" address", t.Address)
	cpu.SayWord(" instruction pointer", t.Position())
	cpu.Say("\n")
	cpu.Exit(cpu.ExitBroken)
}
