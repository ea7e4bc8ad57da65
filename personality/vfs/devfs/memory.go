package devfs

import (
	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
)

// Minor numbers of major 1 (Documentation/admin-guide/devices.txt of Linux).
const (
	majorMemory  = 1
	minorNull    = 3
	minorZero    = 5
	minorFull    = 7
	minorRandom  = 8
	minorURandom = 9
)

// Random is the personality's one source of random bytes, which starts from the seed.
type Random interface{ Fill(p []byte) }

// memory is the driver of major 1.
type memory struct{ random Random }

// Register makes the memory devices known.
func Register(v *vfs.VFS, random Random) { v.RegisterChar(majorMemory, memory{random}) }

// Open implements vfs.Device.
func (d memory) Open(_ *vfs.Context, f *vfs.File) unix.Errno { return d.Reopen(f) }

// Reopen implements vfs.Device.
func (d memory) Reopen(f *vfs.File) unix.Errno {
	switch unix.Minor(f.Inode.Rdev) {
	case minorNull:
		f.Ops = null{}
	case minorZero:
		f.Ops = zero{}
	case minorFull:
		f.Ops = full{}
	case minorRandom, minorURandom:
		f.Ops = random{source: d.random}
	default:
		return unix.ENXIO
	}
	f.Modes |= vfs.ModeSeek
	return 0
}

// null is /dev/null. It is embedded for what the devices share.
type null struct{ vfs.FileBase }

// Read implements vfs.FileOps.
func (null) Read(*vfs.Context, *vfs.File, *usermem.IO, int64) (int, unix.Errno) { return 0, 0 }

// Write implements vfs.FileOps: everything is taken without being looked at.
func (null) Write(_ *vfs.Context, _ *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	return int(io.Len()), 0
}

// Seek implements vfs.FileOps: the position is always 0 (null_lseek).
func (null) Seek(*vfs.Context, *vfs.File, int64, int) (int64, unix.Errno) { return 0, 0 }

// zero is /dev/zero.
type zero struct{ null }

// Read implements vfs.FileOps.
func (zero) Read(_ *vfs.Context, _ *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	n, e := io.PutZero(int(io.Len()))
	if n > 0 {
		e = 0
	}
	return n, e
}

// Map implements vfs.FileOps: fresh zeroes.
func (zero) Map(*vfs.Context, *vfs.File) (vfs.Mapping, unix.Errno) {
	return vfs.Mapping{Anonymous: true}, 0
}

// full is /dev/full: a disk without space.
type full struct{ zero }

// Write implements vfs.FileOps.
func (full) Write(_ *vfs.Context, _ *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	return 0, unix.ENOSPC
}

// Map implements vfs.FileOps.
func (full) Map(*vfs.Context, *vfs.File) (vfs.Mapping, unix.Errno) { return vfs.Mapping{}, unix.ENODEV }

// random is /dev/random and /dev/urandom, which are one since Linux 5.18.
type random struct {
	vfs.FileBase
	source Random
}

// randomChunk is how many bytes are made at once.
const randomChunk = 256

// Read implements vfs.FileOps.
func (r random) Read(_ *vfs.Context, _ *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	var buf [randomChunk]byte
	done := 0
	for n := io.Len(); n > 0; n = io.Len() {
		p := buf[:min(n, randomChunk)]
		r.source.Fill(p)
		k, e := io.Put(p)
		done += k
		if e != 0 {
			if done > 0 {
				e = 0
			}
			return done, e
		}
	}
	return done, 0
}

// Write implements vfs.FileOps: the bytes are read but stir nothing, for the numbers follow from the seed.
func (r random) Write(_ *vfs.Context, _ *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	var buf [randomChunk]byte
	done := 0
	for n := io.Len(); n > 0; n = io.Len() {
		k, e := io.Take(buf[:min(n, randomChunk)])
		done += k
		if e != 0 {
			if done > 0 {
				e = 0
			}
			return done, e
		}
	}
	return done, 0
}

// Seek implements vfs.FileOps: it changes nothing (noop_llseek).
func (random) Seek(_ *vfs.Context, f *vfs.File, _ int64, _ int) (int64, unix.Errno) {
	return f.Pos, 0
}

// Requests of random(4).
const (
	rndGetEntCnt   = 0x80045200
	rndAddToEntCnt = 0x40045201
	rndAddEntropy  = 0x40085203
	rndZapEntCnt   = 0x5204
	rndClearPool   = 0x5206
	rndReseedCRNG  = 0x5207
	poolBits       = 256 // POOL_BITS: a pool that is always full
)

// Ioctl implements vfs.FileOps (random(4)).
func (random) Ioctl(c *vfs.Context, _ *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	switch cmd {
	case rndGetEntCnt:
		return 0, usermem.Write32(c.Mem, arg, poolBits)
	case rndAddToEntCnt, rndAddEntropy:
		if !c.Cred.Has(unix.CAP_SYS_ADMIN) {
			return 0, unix.EPERM
		}
		n, e := usermem.Read32(c.Mem, arg)
		if e == 0 && int32(n) < 0 {
			e = unix.EINVAL
		}
		return 0, e
	case rndZapEntCnt, rndClearPool, rndReseedCRNG:
		if !c.Cred.Has(unix.CAP_SYS_ADMIN) {
			return 0, unix.EPERM
		}
		return 0, 0
	}
	return 0, unix.EINVAL
}
