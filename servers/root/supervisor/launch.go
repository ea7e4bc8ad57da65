package supervisor

import (
	"errors"
	"fmt"
	"hash/fnv"
	"unsafe"

	"starling/ipc"
	"starling/ipc/bootconfig"
	"starling/ipc/console"
	"starling/ipc/supervise"
	"starling/ipc/trace"
	"starling/pager/client"
	"starling/servers/manifest"
)

// stackPages is the first stack of a server, see ipc.StackSizeBytes.
const stackPages = ipc.StackSizeBytes / ipc.PageSize

// Pages of an instance's own piece of memory, in this order: the info page, the
// message buffer, the page it shares with root, the stack, then the program's private
// segments.
const (
	infoPage   = 0
	bufferPage = 1
	sharedPage = 2
	stackPage  = 3
	dataPage   = stackPage + stackPages
)

// server is one server of the manifest.
type server struct {
	spec     *manifest.Server
	number   int // the badge of its traps at root, with the number of the room above
	endpoint ipc.Handle
	builds   []*build // the first is the one it starts with
	rooms    []*room

	now        *instance // nil before it was started
	starts     int       // without swaps
	generation int       // of the present instance, from 1
	pulse      pulse
	found      int64 // of a lab: when its wire's server is found to stand still, 0: it does not
}

// build is a program that can be the server.
type build struct {
	name     string
	args     []string
	program  *program
	file     []byte
	filePage uint64 // where the file begins in the image, pages
	broken   error  // why it cannot be started
}

// room is memory set aside for one instance, and its own endpoint. A server that can
// be swapped has two.
type room struct {
	index  int
	own    piece // see dataPage
	bytes  []byte
	heap   piece      // only when eager
	used   bool       // its heap was, by an instance
	stale  []byte     // the heap as root sees it, to clear it
	orders ipc.Handle // the endpoint; 0 when the server cannot be swapped
}

// instance is one life of a server.
type instance struct {
	*server
	*build
	*room
	space   ipc.Handle
	thread  ipc.Handle
	adopted client.Space // the pager's name of the space, 0 if it has none
	serial  int          // its generation, if it becomes the server
	given   uint32       // number of the last order that it is to answer
	dead    bool
}

// page is what the instance shares with root.
func (s *instance) page() supervise.Page {
	return supervise.Page(s.bytes[sharedPage*ipc.PageSize:][:ipc.PageSize])
}

// badge marks the instance's traps at root.
func (s *instance) badge() uint64 { return uint64(s.number) | uint64(s.index)<<roomShift }

// roomShift is where the room stands in the badge.
const roomShift = 32

// prepare checks a server's programs and sets its memory and endpoints aside.
func (r *Root) prepare(s *server) (err error) {
	for i, b := range s.spec.AllBuilds() {
		made, err := r.readBuild(b)
		if err != nil {
			if i == 0 {
				return err
			}
			made = &build{name: b.Name, broken: err}
		}
		s.builds = append(s.builds, made)
	}
	pages := uint64(0)
	for _, b := range s.builds {
		if b.broken == nil {
			pages = max(pages, b.program.privatePages())
		}
	}
	rooms := 1
	if s.spec.Swap {
		rooms = 2
	}
	for i := range rooms {
		m := &room{index: i}
		if m.own, err = r.memory.take(dataPage + pages); err != nil {
			return err
		}
		if m.bytes, err = r.memory.show(m.own, ipc.Read|ipc.Write); err != nil {
			return err
		}
		if s.spec.Eager {
			if m.heap, err = r.memory.take(pagesOf(s.spec.Heap)); err != nil {
				return fmt.Errorf("heap: %w", err)
			}
		}
		if s.spec.Swap {
			if m.orders, err = r.newEndpoint(); err != nil {
				return err
			}
		}
		s.rooms = append(s.rooms, m)
	}
	if s.endpoint, err = r.newEndpoint(); err != nil {
		return err
	}
	return r.prepareLab(s)
}

// readBuild finds and checks a program.
func (r *Root) readBuild(b manifest.Build) (*build, error) {
	file, err := r.file(b.Binary)
	if err != nil {
		return nil, err
	}
	entry, _ := r.bundle.Find(b.Binary)
	made := &build{name: b.Name, args: b.Args, file: file, filePage: entry.Offset / pageSize}
	if made.program, err = parseProgram(file); err != nil {
		return nil, fmt.Errorf("program %s: %w", b.Binary, err)
	}
	return made, nil
}

// launch starts a server from nothing, in its first room.
func (r *Root) launch(s *server) error {
	in := &instance{server: s, build: s.builds[0], room: s.rooms[0], serial: s.generation + 1}
	s.install(in)
	if err := r.start(in, supervise.CommandStart); err != nil {
		return err
	}
	s.starts++
	r.anew(s)
	if err := r.awaitReady(in); err != nil {
		return err
	}
	if r.armed {
		r.arm()
	}
	return r.takeRole(s)
}

// start makes an instance and lets it run.
func (r *Root) start(s *instance, c supervise.Command) error {
	if err := r.lay(s); err != nil {
		return err
	}
	fault, badge, err := r.adopt(s)
	if err != nil {
		return err
	}
	if err := r.makeThread(s, fault, badge); err != nil {
		return fmt.Errorf("thread: %w", err)
	}
	info := r.newInfo(s)
	if err := r.grantAll(s, info); err != nil {
		return err
	}
	*(*ipc.ServerInfo)(unsafe.Pointer(&s.bytes[infoPage])) = *info
	r.order(s, supervise.Order{Command: c})
	stack := s.bytes[stackPage*ipc.PageSize : dataPage*ipc.PageSize]
	args := append([]string{s.spec.Name}, s.args...)
	if r.config.Flags&bootconfig.Trace != 0 {
		args = append(args, trace.Flag)
	}
	sp, err := ipc.ServerStack(stack, ipc.StackTop, args, nil, info.Seed)
	if err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	if err := r.t.ThreadStart(s.thread, 0, s.program.entry, sp); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

// install makes an instance the one that is the server now.
func (s *server) install(in *instance) {
	s.now = in
	s.generation = in.serial
	s.pulse = pulse{}
}

// awaitReady waits until a server that has a wire to root says that it takes
// calls, or dies.
func (r *Root) awaitReady(s *instance) error {
	if !r.hasWire(s.spec.Name, manifest.RootName) {
		return nil
	}
	var ev ipc.Event
	for {
		if err := r.t.Wait(r.endpoint, &ev); err != nil {
			continue // of an answer held back before; the wait is the next one
		}
		switch ev.Kind {
		case ipc.EventNotify:
			r.pending |= ev.Bits &^ supervise.Ready
			if ev.Bits&supervise.Ready != 0 {
				return nil
			}
		case ipc.EventException, ipc.EventFault:
			if ev.Badge == s.badge() {
				s.dead = true
				return fmt.Errorf("died while it started: %s", describe(&ev))
			}
			r.trapped(&ev)
			if r.ending.decided {
				return errors.New("another server died while it started")
			}
		case ipc.EventMessage:
			r.refuse(&ev)
		}
	}
}

func (r *Root) hasWire(from, to string) bool {
	for _, w := range r.manifest.Wires {
		if w.From == from && w.To == to && w.Name == supervise.Wire {
			return true
		}
	}
	return false
}

// lay makes the space and lays the program out in it.
func (r *Root) lay(s *instance) error {
	err := r.memory.retry(func() (err error) {
		s.space, err = r.t.SpaceCreate()
		return err
	})
	if err != nil {
		return fmt.Errorf("space: %w", err)
	}
	clear(s.bytes)
	const readWrite = ipc.Read | ipc.Write
	type part struct {
		va, page, pages uint64
		access          ipc.Access
	}
	parts := []part{
		{ipc.InfoAddress, infoPage, 1, ipc.Read},
		{ipc.BufferAddress, bufferPage, 1, readWrite},
		{ipc.InstanceAddress, sharedPage, 1, readWrite},
		{ipc.StackTop - ipc.StackSizeBytes, stackPage, stackPages, readWrite},
	}
	next := uint64(dataPage)
	for i := range s.program.segments {
		g := &s.program.segments[i]
		if g.shared() {
			page := s.filePage + (g.fileOffset-g.lead)/pageSize
			if err := r.memory.mapRange(s.space, g.address, r.image, page, g.pages, g.access); err != nil {
				return fmt.Errorf("mapping its program: %w", err)
			}
			continue
		}
		copy(s.bytes[next*pageSize+g.lead:], s.file[g.fileOffset:g.fileOffset+g.fileSize])
		parts = append(parts, part{g.address, next, g.pages, g.access})
		next += g.pages
	}
	for _, p := range parts {
		if err := r.memory.mapRange(s.space, p.va, s.own, p.page, p.pages, p.access); err != nil {
			return fmt.Errorf("mapping %#x: %w", p.va, err)
		}
	}
	if s.spec.Eager {
		if err := r.blank(s.room); err != nil {
			return fmt.Errorf("clearing its heap: %w", err)
		}
		if err := r.memory.mapRange(s.space, ipc.HeapAddress, s.heap, 0, s.heap.pages, readWrite); err != nil {
			return fmt.Errorf("mapping its heap: %w", err)
		}
	}
	if err := r.mapArea(s); err != nil {
		return fmt.Errorf("mapping what it shares with a lab: %w", err)
	}
	return r.mapWindows(s)
}

// blank makes the heap of a room what the Go runtime expects, zero, when an instance has used it before.
func (r *Root) blank(m *room) error {
	if !m.used {
		m.used = true
		return nil
	}
	if m.stale == nil {
		var err error
		if m.stale, err = r.memory.show(m.heap, ipc.Read|ipc.Write); err != nil {
			return err
		}
	}
	clear(m.stale)
	return nil
}

// mapWindows maps the memory that the manifest lets the server see.
func (r *Root) mapWindows(s *instance) error {
	for _, w := range s.spec.Windows {
		if w.Access == 0 {
			continue
		}
		at := uint64(0)
		for _, p := range r.parts[w.Memory] {
			va := ipc.WindowAddress + p.base
			if w.Frames {
				va = ipc.FramesAddress + at
			}
			if err := r.memory.mapRange(s.space, va, p, 0, p.pages, w.Access); err != nil {
				return fmt.Errorf("window of %s: %w", w.Memory, err)
			}
			at += p.pages * pageSize
		}
	}
	return nil
}

// adopt registers the space with the pager, which gives it its heap and view.
// It returns where the server's faults go, with which badge: to root when the
// server needs no pager.
func (r *Root) adopt(s *instance) (ipc.Handle, uint64, error) {
	if r.pager == nil || s.spec.Eager && len(s.spec.View) == 0 {
		return r.endpoint, s.badge(), nil
	}
	user := uint64(0)
	if w, ok := r.pagerWire(s.server); ok {
		user = w.Badge
	}
	id, status := r.pager.SpaceAdopt(s.space, user)
	if status != client.OK {
		return 0, 0, fmt.Errorf("adoption by the pager: %w", status)
	}
	s.adopted = id
	if !s.spec.Eager {
		status = r.pager.Map(id, client.Region{
			Address: ipc.HeapAddress, Pages: pagesOf(s.spec.Heap), Access: ipc.Read | ipc.Write, Flags: client.NoReserve,
		})
		if status != client.OK {
			return 0, 0, fmt.Errorf("heap from the pager: %w", status)
		}
	}
	parts := map[manifest.View]client.WindowParts{
		manifest.ViewData: client.WindowData, manifest.ViewTables: client.WindowTables, manifest.ViewImage: client.WindowImage,
	}
	var view client.WindowParts
	for _, v := range s.spec.View {
		view |= parts[v]
	}
	if view != 0 {
		if status = r.pager.WindowMap(id, view); status != client.OK {
			return 0, 0, fmt.Errorf("view of the pager's memory: %w", status)
		}
	}
	pager, _ := r.byRole(manifest.Pager)
	return pager.endpoint, uint64(id), nil
}

func (r *Root) makeThread(s *instance, fault ipc.Handle, badge uint64) error {
	spec := ipc.ThreadSpec{
		Space: s.space, Kind: ipc.Server, Priority: s.spec.Priority,
		FrameMemory: s.own.handle, FrameOffset: bufferPage * pageSize,
		FaultEndpoint: fault, FaultBadge: badge,
		TrapEndpoint: r.endpoint, TrapBadge: s.badge(),
	}
	return r.memory.retry(func() (err error) {
		s.thread, _, err = r.t.ThreadCreate(&spec)
		return err
	})
}

// newInfo fills the info page but for the grants.
func (r *Root) newInfo(s *instance) *ipc.ServerInfo {
	info := &ipc.ServerInfo{
		Magic: ipc.ServerInfoMagic, Version: ipc.ServerInfoVersion, Size: uint32(unsafe.Sizeof(ipc.ServerInfo{})),
		TSC0: r.info.TSC0, Mult: r.info.Mult, Wall: r.info.Wall,
		HeapBase: ipc.HeapAddress, HeapLimit: ipc.HeapAddress + s.spec.Heap,
		Buffer: ipc.BufferAddress, Priority: s.spec.Priority, Space: uint32(s.adopted),
	}
	if r.config.WallTime != 0 {
		info.Wall = uint64(r.config.WallTime)
	}
	for i := range info.Seed {
		info.Seed[i] = r.seed(s.spec.Name, i)
	}
	return info
}

// seed derives a server's seed from that of the run, so that servers do not
// draw the same numbers.
func (r *Root) seed(name string, i int) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", r.config.Seed, name, i)
	return h.Sum64()
}

// takeRole makes use of a server that root itself needs.
func (r *Root) takeRole(s *server) error {
	wire, ok := r.ownWire(s.spec.Name)
	if !ok || s.starts > 1 { // the endpoint outlives the instance, and so does the wire
		return nil
	}
	h, err := r.mint(r.end(wire), wire.Badge)
	if err != nil {
		return fmt.Errorf("root's wire: %w", err)
	}
	r.tapOwn(wire, h)
	switch s.spec.Role {
	case manifest.Pager:
		r.pager = client.NewAdministrator(r.t, h)
	case manifest.Console:
		r.console = &console.Client{Transport: r.t, Endpoint: h}
	case manifest.Personality:
		r.ending.personality = h
	}
	return nil
}

// ownWire finds the wire from root to a server.
func (r *Root) ownWire(to string) (manifest.Wire, bool) {
	for _, w := range r.manifest.Wires {
		if w.From == manifest.RootName && w.To == to {
			return w, true
		}
	}
	return manifest.Wire{}, false
}

func (r *Root) mint(endpoint ipc.Handle, badge uint64) (h ipc.Handle, err error) {
	err = r.memory.retry(func() (err error) {
		h, err = r.t.EndpointMint(endpoint, badge)
		return err
	})
	return h, err
}

func (r *Root) byRole(role manifest.Role) (*server, bool) {
	for _, s := range r.servers {
		if s.spec.Role == role {
			return s, true
		}
	}
	return nil, false
}

func (r *Root) byName(name string) (*server, bool) {
	for _, s := range r.servers {
		if s.spec.Name == name {
			return s, true
		}
	}
	return nil, false
}
