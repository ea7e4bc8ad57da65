// Package supervisor is root: it starts every server of the manifest, joins
// them with wires, watches over them, talks to the host over the control
// channel, and stops the machine when the program has ended.
//
// It knows three roles and no server by name: the pager backs the heaps of the
// others, the console carries the control channel, the personality runs the
// program. Everything else about a server stands in the manifest.
//
// It may import ipc, servers/manifest and the pager's client end, and runs on
// any ipc.Transport.
package supervisor

import (
	"errors"
	"fmt"

	"starling/ipc"
	"starling/ipc/bootconfig"
	"starling/ipc/bundle"
	"starling/ipc/console"
	"starling/ipc/control"
	"starling/pager/client"
	"starling/pager/table"
	"starling/servers/manifest"
)

// Names of the capabilities that the kernel gives root.
const (
	grantSpace  = "space"
	grantBundle = "bundle"
)

// Root is the supervisor.
type Root struct {
	t      ipc.Transport
	info   *ipc.ServerInfo
	memory *memory

	endpoint   ipc.Handle
	machine    ipc.Handle
	interrupts ipc.Handle
	ports      []ipc.Grant

	image    piece // the boot bundle
	bundle   *bundle.Bundle
	manifest *manifest.Manifest
	config   bootconfig.Config

	parts   map[string][]piece // the memory of the manifest, by name
	areas   map[string]piece   // what labs share, by the name of either server
	servers []*server
	pager   *client.Client
	console *console.Client
	lines   control.Lines
	pending uint64 // notifications not acted on yet
	ending  ending
	orders  uint32 // given to instances so far
	armed   bool   // the labs may strike
	asks    int64  // when to look for lost notifications, 0: they do not get lost
	swap    *swap  // the one that is going on, nil if none
	// nextBeat is when root looks for signs of life again, ns; 0: never.
	nextBeat  int64
	questions []question
}

// New reads what the kernel and the boot image say. The window must show, at
// ipc.WindowAddress plus physical address, whatever root maps there. With an
// error it may still return a Root, whose Fail can stop the machine.
func New(t ipc.Transport, info *ipc.ServerInfo, window table.Window) (*Root, error) {
	r := &Root{t: t, info: info, parts: map[string][]piece{}, areas: map[string]piece{}}
	var ranges []piece
	var space ipc.Handle
	for _, g := range info.All() {
		switch g.Kind {
		case ipc.GrantSpace:
			if g.Text() == grantSpace {
				space = g.Handle
			}
		case ipc.GrantMachine:
			r.machine = g.Handle
		case ipc.GrantInterrupts:
			r.interrupts = g.Handle
		case ipc.GrantPorts:
			r.ports = append(r.ports, g)
		case ipc.GrantMemory:
			p := piece{g.Handle, g.Base, g.Size / pageSize}
			if g.Text() == grantBundle {
				r.image = p
			} else {
				ranges = append(ranges, p)
			}
		}
	}
	if space == 0 || r.machine == 0 || r.image.handle == 0 || len(ranges) == 0 {
		return nil, errors.New("root: the kernel did not give all of space, machine, bundle and memory")
	}
	r.memory = newMemory(t, space, window, ranges)
	var err error
	if r.endpoint, err = r.newEndpoint(); err != nil {
		return nil, fmt.Errorf("root: own endpoint: %w", err)
	}
	return r, r.readImage()
}

// Endpoint is where root waits for events.
func (r *Root) Endpoint() ipc.Handle { return r.endpoint }

func (r *Root) newEndpoint() (h ipc.Handle, err error) {
	err = r.memory.retry(func() (err error) {
		h, err = r.t.EndpointCreate()
		return err
	})
	return h, err
}

// readImage parses the bundle and the files in it that are root's own business.
func (r *Root) readImage() error {
	data, err := r.memory.show(r.image, ipc.Read)
	if err != nil {
		return fmt.Errorf("root: boot image: %w", err)
	}
	if r.bundle, err = bundle.Parse(data); err != nil {
		return err
	}
	text, err := r.file(manifest.FileName)
	if err != nil {
		return err
	}
	if r.manifest, err = manifest.Parse(text); err != nil {
		return err
	}
	settings, err := r.file(bootconfig.FileName)
	if err != nil {
		return err
	}
	r.config, err = bootconfig.Decode(settings)
	return err
}

// file returns a file of the bundle, its checksum verified.
func (r *Root) file(name string) ([]byte, error) {
	e, ok := r.bundle.Find(name)
	if !ok {
		return nil, fmt.Errorf("%w: no file %q in it", bundle.ErrDamaged, name)
	}
	if err := r.bundle.Verify(e); err != nil {
		return nil, err
	}
	return r.bundle.Bytes(e), nil
}

// Start starts all servers.
func (r *Root) Start() error {
	for i := range r.manifest.Servers {
		s := &server{spec: &r.manifest.Servers[i], number: i + 1}
		if err := r.prepare(s); err != nil {
			return fmt.Errorf("server %s: %w", s.spec.Name, err)
		}
		r.servers = append(r.servers, s)
	}
	if err := r.divide(); err != nil {
		return err
	}
	for _, s := range r.servers {
		if err := r.launch(s); err != nil {
			return fmt.Errorf("server %s: %w", s.spec.Name, err)
		}
	}
	return r.started()
}

// divide cuts the memory of the manifest. It comes after the servers' own
// memory is set aside, and before any of them runs.
func (r *Root) divide() error {
	free := r.memory.free()
	for _, m := range r.manifest.Memory {
		pages := pagesOf(m.Bytes)
		switch {
		case m.Rest():
			continue
		case m.Share > 0:
			pages = max(free/m.Share, 1)
		}
		p, err := r.memory.take(pages)
		if err != nil {
			return fmt.Errorf("memory %s: %w", m.Name, err)
		}
		r.parts[m.Name] = []piece{p}
	}
	for _, m := range r.manifest.Memory {
		if m.Rest() {
			if err := r.rest(m.Name); err != nil {
				return fmt.Errorf("memory %s: %w", m.Name, err)
			}
		}
	}
	r.parts[manifest.ImageName] = []piece{r.image}
	return nil
}

// reservePages is what root keeps of the largest range, for the kernel's own
// needs while it starts the servers and for those it starts again later.
const reservePages = 512

// rest gives away all that is left but root's reserve.
func (r *Root) rest(name string) error {
	for i := range r.memory.ranges {
		at := &r.memory.ranges[i]
		keep := uint64(1)
		if i == 0 {
			keep = min(reservePages, at.pages/4)
		}
		if at.pages <= keep {
			continue
		}
		p, err := r.memory.takeFrom(at, at.pages-keep)
		if err != nil {
			return err
		}
		r.parts[name] = append(r.parts[name], p)
	}
	return nil
}
