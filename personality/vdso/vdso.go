// Package vdso is the small shared object that a program finds mapped at
// AT_SYSINFO_EHDR, with which it reads the clocks without a trap (vdso(7)), and
// the data page before it, which tells the code how to turn the TSC into time.
package vdso

import (
	"encoding/binary"

	"starling/ipc"
)

//go:generate go run generate.go

// Data is the content of the data page, one page before the image, which
// programs can read.
type Data struct {
	// UseTSC is false where the counter cannot be trusted: every clock call then traps.
	UseTSC bool
	// TSC0 and Mult: ns since boot = (tsc-TSC0)*Mult>>32.
	TSC0, Mult uint64
	// Realtime is what CLOCK_REALTIME is ahead of ns since boot, in ns.
	Realtime int64
	// TAI is what CLOCK_TAI is ahead of CLOCK_REALTIME, in ns.
	TAI int64
	// ZoneWest and ZoneDST are what gettimeofday(2) tells of the time zone.
	ZoneWest, ZoneDST int32
}

// Offsets in the data page; image/vdso.c has the same in struct data.
const (
	offSequence = 0
	offFlags    = 4
	offTSC0     = 8
	offMult     = 16
	offRealtime = 24
	offTAI      = 32
	offWest     = 40
	offDST      = 44
)

// Put writes d to the data page, so that a reader sees all of it or none.
func (d *Data) Put(page *[ipc.PageSize]byte) {
	le := binary.LittleEndian
	seq := le.Uint32(page[offSequence:]) | 1
	le.PutUint32(page[offSequence:], seq)
	var flags uint32
	if d.UseTSC {
		flags = 1
	}
	le.PutUint32(page[offFlags:], flags)
	le.PutUint64(page[offTSC0:], d.TSC0)
	le.PutUint64(page[offMult:], d.Mult)
	le.PutUint64(page[offRealtime:], uint64(d.Realtime))
	le.PutUint64(page[offTAI:], uint64(d.TAI))
	le.PutUint32(page[offWest:], uint32(d.ZoneWest))
	le.PutUint32(page[offDST:], uint32(d.ZoneDST))
	le.PutUint32(page[offSequence:], seq+1)
}
