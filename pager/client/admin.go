package client

import (
	"starling/ipc"
	"starling/ipc/pagerwire"
)

// WindowParts chooses what WindowMap maps.
type WindowParts uint32

const (
	// WindowData: the frames of programs and files, read-write.
	WindowData WindowParts = pagerwire.FlagWindowData
	// WindowTables: the published tables, read-only.
	WindowTables WindowParts = pagerwire.FlagWindowTables
	// WindowImage: the boot image, read-only.
	WindowImage WindowParts = pagerwire.FlagWindowImage
)

// SpaceAdopt registers a server's space, so that Map gives it memory on
// demand. The id is the fault badge of the server's thread. The client with the badge user, 0 for none, is that
// server: it may discard what is in the space. Only for root.
func (c *Client) SpaceAdopt(space ipc.Handle, user uint64) (Space, Status) {
	b := c.Batch()
	b.cap = space
	i := b.add(&pagerwire.Command{Code: pagerwire.CodeSpaceAdopt, Size: user})
	st := b.Run()
	return Space(b.Value(i)), st
}

// WindowMap maps the window into an adopted space at ipc.WindowAddress +
// physical address. Only for root.
func (c *Client) WindowMap(s Space, parts WindowParts) Status {
	_, st := c.one(&pagerwire.Command{Code: pagerwire.CodeWindowMap, Space: uint32(s), Flags: uint32(parts)})
	return st
}

// Release destroys everything the client with the badge has made. Only for root.
func (c *Client) Release(badge uint64) Status {
	_, st := c.one(&pagerwire.Command{Code: pagerwire.CodeRelease, Size: badge})
	return st
}

// SpaceUsage is how many pages of an adopted space are present. Only for root.
func (c *Client) SpaceUsage(s Space) (pages uint64, st Status) {
	return c.one(&pagerwire.Command{Code: pagerwire.CodeSpaceUsage, Space: uint32(s)})
}

// Usage is how many pages the programs and files of the client with the badge have, and
// how many are free in all. Only for root.
func (c *Client) Usage(badge uint64) (pages, free uint64, st Status) {
	b := c.Batch()
	i := b.add(&pagerwire.Command{Code: pagerwire.CodeUsage, Size: badge})
	st = b.Run()
	return b.Value(i), b.result[i].Extra, st
}

// NewAdministrator is root's end: it makes the calls of this file and those
// that need no window, and cannot read the published tables.
func NewAdministrator(t ipc.Transport, endpoint ipc.Handle) *Client {
	c := &Client{t: t, endpoint: endpoint}
	c.batch.c = c
	return c
}
