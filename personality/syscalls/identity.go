package syscalls

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/cred"
	"starling/personality/task"
	"starling/personality/usermem"
)

// The calls about who a thread is: credentials(7), capabilities(7).

var identityRows = []Row{
	{unix.SYS_GETUID, "getuid", sysGetuid, Full, ""},
	{unix.SYS_GETEUID, "geteuid", sysGeteuid, Full, ""},
	{unix.SYS_GETGID, "getgid", sysGetgid, Full, ""},
	{unix.SYS_GETEGID, "getegid", sysGetegid, Full, ""},
	{unix.SYS_GETRESUID, "getresuid", sysGetresuid, Full, ""},
	{unix.SYS_GETRESGID, "getresgid", sysGetresgid, Full, ""},
	{unix.SYS_SETUID, "setuid", sysSetuid, Full, ""},
	{unix.SYS_SETGID, "setgid", sysSetgid, Full, ""},
	{unix.SYS_SETREUID, "setreuid", sysSetreuid, Full, ""},
	{unix.SYS_SETREGID, "setregid", sysSetregid, Full, ""},
	{unix.SYS_SETRESUID, "setresuid", sysSetresuid, Full, ""},
	{unix.SYS_SETRESGID, "setresgid", sysSetresgid, Full, ""},
	{unix.SYS_SETFSUID, "setfsuid", sysSetfsuid, Full, ""},
	{unix.SYS_SETFSGID, "setfsgid", sysSetfsgid, Full, ""},
	{unix.SYS_GETGROUPS, "getgroups", sysGetgroups, Full, ""},
	{unix.SYS_SETGROUPS, "setgroups", sysSetgroups, Full, ""},
	{unix.SYS_CAPGET, "capget", sysCapget, Full, ""},
	{unix.SYS_CAPSET, "capset", sysCapset, Partial, "of the calling thread only"},
}

// noID as an argument leaves an id as it is.
const noID = ^uint32(0)

// fsCapabilities follow the file system uid (capabilities(7), "Effect of user ID changes").
const fsCapabilities = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER |
	1<<unix.CAP_FSETID | 1<<unix.CAP_LINUX_IMMUTABLE | 1<<unix.CAP_MKNOD | 1<<unix.CAP_MAC_OVERRIDE

// Bits of the secure-bits word, prctl(2).
const (
	secureNoFixup  = 1 << 2 // SECBIT_NO_SETUID_FIXUP
	secureKeepCaps = 1 << 4 // SECBIT_KEEP_CAPS
)

func sysGetuid(c *task.Call) task.Result  { return task.Result(c.T.Cred.UID) }
func sysGeteuid(c *task.Call) task.Result { return task.Result(c.T.Cred.EUID) }
func sysGetgid(c *task.Call) task.Result  { return task.Result(c.T.Cred.GID) }
func sysGetegid(c *task.Call) task.Result { return task.Result(c.T.Cred.EGID) }

func sysGetresuid(c *task.Call) task.Result {
	return putIDs(c, c.T.Cred.UID, c.T.Cred.EUID, c.T.Cred.SUID)
}

func sysGetresgid(c *task.Call) task.Result {
	return putIDs(c, c.T.Cred.GID, c.T.Cred.EGID, c.T.Cred.SGID)
}

func putIDs(c *task.Call, ids ...uint32) task.Result {
	for i, id := range ids {
		if e := usermem.Write32(c.Mem(), c.Args[i], id); e != 0 {
			return fail(e)
		}
	}
	return 0
}

// setIDs gives the thread new user ids and the capabilities that go with them.
func setIDs(c *task.Call, change func(n *cred.Cred)) task.Result {
	old := c.T.Cred
	n := old.Clone(c.K.NewID())
	change(n)
	n.FSUID = n.EUID
	if old.SecureBits&secureNoFixup == 0 {
		hadRoot := old.UID == 0 || old.EUID == 0 || old.SUID == 0
		hasRoot := n.UID == 0 || n.EUID == 0 || n.SUID == 0
		if hadRoot && !hasRoot {
			if old.SecureBits&secureKeepCaps == 0 {
				n.Permitted, n.Effective = 0, 0
			}
			n.Ambient = 0
		}
		if old.EUID == 0 && n.EUID != 0 {
			n.Effective = 0
		}
		if old.EUID != 0 && n.EUID == 0 {
			n.Effective = n.Permitted
		}
		fixFS(old.FSUID, n)
	}
	c.T.SetCred(n)
	return 0
}

// fixFS raises or drops the capabilities that follow the file system uid.
func fixFS(old uint32, n *cred.Cred) {
	switch {
	case old == 0 && n.FSUID != 0:
		n.Effective &^= fsCapabilities
	case old != 0 && n.FSUID == 0:
		n.Effective |= n.Permitted & fsCapabilities
	}
}

func sysSetuid(c *task.Call) task.Result {
	id, cr := uint32(c.Args[0]), c.T.Cred
	if id == noID {
		return fail(unix.EINVAL)
	}
	if cr.Has(unix.CAP_SETUID) {
		return setIDs(c, func(n *cred.Cred) { n.UID, n.EUID, n.SUID = id, id, id })
	}
	if id != cr.UID && id != cr.SUID {
		return fail(unix.EPERM)
	}
	return setIDs(c, func(n *cred.Cred) { n.EUID = id })
}

func sysSetreuid(c *task.Call) task.Result {
	r, e, cr := uint32(c.Args[0]), uint32(c.Args[1]), c.T.Cred
	if !cr.Has(unix.CAP_SETUID) &&
		(r != noID && r != cr.UID && r != cr.EUID || e != noID && e != cr.UID && e != cr.EUID && e != cr.SUID) {
		return fail(unix.EPERM)
	}
	return setIDs(c, func(n *cred.Cred) {
		if r != noID {
			n.UID = r
		}
		if e != noID {
			n.EUID = e
		}
		if r != noID || e != noID && e != cr.UID {
			n.SUID = n.EUID
		}
	})
}

func sysSetresuid(c *task.Call) task.Result {
	cr := c.T.Cred
	for _, a := range c.Args[:3] {
		if id := uint32(a); id != noID && id != cr.UID && id != cr.EUID && id != cr.SUID && !cr.Has(unix.CAP_SETUID) {
			return fail(unix.EPERM)
		}
	}
	return setIDs(c, func(n *cred.Cred) {
		for i, p := range [...]*uint32{&n.UID, &n.EUID, &n.SUID} {
			if id := uint32(c.Args[i]); id != noID {
				*p = id
			}
		}
	})
}

func sysSetfsuid(c *task.Call) task.Result {
	id, cr := uint32(c.Args[0]), c.T.Cred
	if id != noID && id != cr.FSUID && (id == cr.UID || id == cr.EUID || id == cr.SUID || cr.Has(unix.CAP_SETUID)) {
		n := cr.Clone(c.K.NewID())
		n.FSUID = id
		if cr.SecureBits&secureNoFixup == 0 {
			fixFS(cr.FSUID, n)
		}
		c.T.SetCred(n)
	}
	return task.Result(cr.FSUID) // setfsuid(2): always the old one
}

// setGroupIDs gives the thread new group ids, which carry no capabilities.
func setGroupIDs(c *task.Call, change func(n *cred.Cred)) task.Result {
	n := c.T.Cred.Clone(c.K.NewID())
	change(n)
	n.FSGID = n.EGID
	c.T.SetCred(n)
	return 0
}

func sysSetgid(c *task.Call) task.Result {
	id, cr := uint32(c.Args[0]), c.T.Cred
	if id == noID {
		return fail(unix.EINVAL)
	}
	if cr.Has(unix.CAP_SETGID) {
		return setGroupIDs(c, func(n *cred.Cred) { n.GID, n.EGID, n.SGID = id, id, id })
	}
	if id != cr.GID && id != cr.SGID {
		return fail(unix.EPERM)
	}
	return setGroupIDs(c, func(n *cred.Cred) { n.EGID = id })
}

func sysSetregid(c *task.Call) task.Result {
	r, e, cr := uint32(c.Args[0]), uint32(c.Args[1]), c.T.Cred
	if !cr.Has(unix.CAP_SETGID) &&
		(r != noID && r != cr.GID && r != cr.EGID || e != noID && e != cr.GID && e != cr.EGID && e != cr.SGID) {
		return fail(unix.EPERM)
	}
	return setGroupIDs(c, func(n *cred.Cred) {
		if r != noID {
			n.GID = r
		}
		if e != noID {
			n.EGID = e
		}
		if r != noID || e != noID && e != cr.GID {
			n.SGID = n.EGID
		}
	})
}

func sysSetresgid(c *task.Call) task.Result {
	cr := c.T.Cred
	for _, a := range c.Args[:3] {
		if id := uint32(a); id != noID && id != cr.GID && id != cr.EGID && id != cr.SGID && !cr.Has(unix.CAP_SETGID) {
			return fail(unix.EPERM)
		}
	}
	return setGroupIDs(c, func(n *cred.Cred) {
		for i, p := range [...]*uint32{&n.GID, &n.EGID, &n.SGID} {
			if id := uint32(c.Args[i]); id != noID {
				*p = id
			}
		}
	})
}

func sysSetfsgid(c *task.Call) task.Result {
	id, cr := uint32(c.Args[0]), c.T.Cred
	if id != noID && id != cr.FSGID && (id == cr.GID || id == cr.EGID || id == cr.SGID || cr.Has(unix.CAP_SETGID)) {
		n := cr.Clone(c.K.NewID())
		n.FSGID = id
		c.T.SetCred(n)
	}
	return task.Result(cr.FSGID)
}

func sysGetgroups(c *task.Call) task.Result {
	size, groups := int32(c.Args[0]), c.T.Cred.Groups
	if size < 0 {
		return fail(unix.EINVAL)
	}
	if size == 0 {
		return task.Result(len(groups))
	}
	if int(size) < len(groups) {
		return fail(unix.EINVAL)
	}
	b := make([]byte, 0, 4*len(groups))
	for _, g := range groups {
		b = binary.LittleEndian.AppendUint32(b, g)
	}
	if _, e := usermem.CopyOut(c.Mem(), c.Args[1], b); e != 0 {
		return fail(e)
	}
	return task.Result(len(groups))
}

func sysSetgroups(c *task.Call) task.Result {
	n := uint32(c.Args[0])
	if !c.T.Cred.Has(unix.CAP_SETGID) {
		return fail(unix.EPERM)
	}
	if n > cred.MaxGroups {
		return fail(unix.EINVAL)
	}
	b := make([]byte, 4*n)
	if _, e := usermem.CopyIn(c.Mem(), b, c.Args[1]); e != 0 {
		return fail(e)
	}
	groups := make([]uint32, n)
	for i := range groups {
		if groups[i] = binary.LittleEndian.Uint32(b[4*i:]); groups[i] == noID {
			return fail(unix.EINVAL)
		}
	}
	slices.Sort(groups)
	nc := c.T.Cred.Clone(c.K.NewID())
	nc.Groups = groups
	c.T.SetCred(nc)
	return 0
}

// Versions of the capability header, capget(2): how many 32-bit words a set has.
const (
	capVersion1 = 0x19980330
	capVersion2 = 0x20071026
	capVersion3 = 0x20080522
)

// capHeader reads the header. words is 0 when the version is unknown: the header
// then gets the preferred one.
func capHeader(c *task.Call) (pid int32, words int, e unix.Errno) {
	var b [8]byte
	if _, e := usermem.CopyIn(c.Mem(), b[:], c.Args[0]); e != 0 {
		return 0, 0, e
	}
	switch binary.LittleEndian.Uint32(b[:]) {
	case capVersion1:
		words = 1
	case capVersion2, capVersion3:
		words = 2
	default:
		if e := usermem.Write32(c.Mem(), c.Args[0], capVersion3); e != 0 {
			return 0, 0, e
		}
		return 0, 0, unix.EINVAL
	}
	return int32(binary.LittleEndian.Uint32(b[4:])), words, 0
}

func sysCapget(c *task.Call) task.Result {
	pid, words, e := capHeader(c)
	if e != 0 {
		if e == unix.EINVAL && c.Args[1] == 0 {
			return 0 // a probe for the version
		}
		return fail(e)
	}
	if pid < 0 {
		return fail(unix.EINVAL)
	}
	cr := c.T.Cred
	if pid != 0 && pid != c.T.TID() {
		t := c.K.Thread(pid)
		if t == nil {
			return fail(unix.ESRCH)
		}
		cr = t.Cred
	}
	if c.Args[1] == 0 {
		return fail(unix.EFAULT)
	}
	var b []byte
	for i := range words {
		for _, set := range [...]uint64{cr.Effective, cr.Permitted, cr.Inheritable} {
			b = binary.LittleEndian.AppendUint32(b, uint32(set>>(32*i)))
		}
	}
	if _, e := usermem.CopyOut(c.Mem(), c.Args[1], b); e != 0 {
		return fail(e)
	}
	return 0
}

func sysCapset(c *task.Call) task.Result {
	pid, words, e := capHeader(c)
	if e != 0 {
		return fail(e)
	}
	if pid != 0 && pid != c.T.TID() {
		return fail(unix.EPERM)
	}
	b := make([]byte, 12*words)
	if _, e := usermem.CopyIn(c.Mem(), b, c.Args[1]); e != 0 {
		return fail(e)
	}
	var sets [3]uint64
	for i := range words {
		for k := range sets {
			sets[k] |= uint64(binary.LittleEndian.Uint32(b[12*i+4*k:])) << (32 * i)
		}
	}
	effective, permitted, inheritable := sets[0]&cred.AllCapabilities, sets[1]&cred.AllCapabilities, sets[2]&cred.AllCapabilities
	old := c.T.Cred
	// capabilities(7), "Programmatically adjusting capability sets".
	switch {
	case !old.Has(unix.CAP_SETPCAP) && inheritable&^(old.Inheritable|old.Permitted) != 0,
		inheritable&^(old.Inheritable|old.Bounding) != 0,
		permitted&^old.Permitted != 0,
		effective&^permitted != 0:
		return fail(unix.EPERM)
	}
	n := old.Clone(c.K.NewID())
	n.Effective, n.Permitted, n.Inheritable = effective, permitted, inheritable
	n.Ambient &= permitted & inheritable
	c.T.SetCred(n)
	return 0
}
