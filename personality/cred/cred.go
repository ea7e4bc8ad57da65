// Package cred is who a thread is for the purpose of permission: user and group
// ids and capabilities (credentials(7), capabilities(7)).
//
// A Cred never changes once a thread has it: a change makes a new one, so that
// threads and open files share them by pointer. The package imports state and
// numbers of Linux only.
package cred

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// AllCapabilities is every capability up to CAP_LAST_CAP.
const AllCapabilities = uint64(1)<<(unix.CAP_LAST_CAP+1) - 1

// MaxGroups is how many supplementary groups there can be (NGROUPS_MAX).
const MaxGroups = 65536

// Cred is one set of credentials. Do not change one that is in use: Clone it.
type Cred struct {
	ID                     uint64
	UID, EUID, SUID, FSUID uint32
	GID, EGID, SGID, FSGID uint32
	Groups                 []uint32 // sorted
	Inheritable, Permitted uint64
	Effective, Bounding    uint64
	Ambient                uint64
	SecureBits             uint32
}

// Root is the credentials of the first process.
func Root(id uint64) *Cred {
	return &Cred{
		ID: id, Permitted: AllCapabilities, Effective: AllCapabilities, Bounding: AllCapabilities,
	}
}

// Clone makes a copy with its own id, to be changed before a thread gets it.
func (c *Cred) Clone(id uint64) *Cred {
	n := *c
	n.ID = id
	return &n
}

// Has reports whether an effective capability is held.
func (c *Cred) Has(capability uint) bool { return c.Effective>>capability&1 != 0 }

// InGroup reports whether gid is the file system group or a supplementary one.
func (c *Cred) InGroup(gid uint32) bool {
	if c.FSGID == gid {
		return true
	}
	_, ok := slices.BinarySearch(c.Groups, gid)
	return ok
}

// InGroupEffective is InGroup with the effective group in place of the file system's.
func (c *Cred) InGroupEffective(gid uint32) bool {
	if c.EGID == gid {
		return true
	}
	_, ok := slices.BinarySearch(c.Groups, gid)
	return ok
}

// Export gives the state of c.
func (c *Cred) Export() *state.CredT {
	t := &state.CredT{
		Id: c.ID, Uid: c.UID, Euid: c.EUID, Suid: c.SUID, Fsuid: c.FSUID,
		Gid: c.GID, Egid: c.EGID, Sgid: c.SGID, Fsgid: c.FSGID, Groups: c.Groups,
		Inheritable: c.Inheritable, Permitted: c.Permitted, Effective: c.Effective,
		Bounding: c.Bounding, Ambient: c.Ambient, SecureBits: c.SecureBits,
	}
	if len(t.Groups) == 0 {
		t.Groups = nil // none is absent, whatever it was made of
	}
	return t
}

// Import makes a Cred of its state.
func Import(t *state.CredT) *Cred {
	if len(t.Groups) == 0 {
		t.Groups = nil // as it was before it was exported
	}
	return &Cred{
		ID: t.Id, UID: t.Uid, EUID: t.Euid, SUID: t.Suid, FSUID: t.Fsuid,
		GID: t.Gid, EGID: t.Egid, SGID: t.Sgid, FSGID: t.Fsgid, Groups: t.Groups,
		Inheritable: t.Inheritable, Permitted: t.Permitted, Effective: t.Effective,
		Bounding: t.Bounding, Ambient: t.Ambient, SecureBits: t.SecureBits,
	}
}
