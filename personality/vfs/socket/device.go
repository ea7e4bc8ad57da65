package socket

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
)

// The one network interface there always is: the loopback, which is down. Every socket can be asked
// for it, of whatever family (netdevice(7)).
const (
	loopbackName  = "lo"
	loopbackIndex = 1
	loopbackMTU   = 65536
	loopbackQueue = 1000 // DEFAULT_TX_QUEUE_LEN
	loopbackType  = 772  // ARPHRD_LOOPBACK

	nameSize    = 16 // IFNAMSIZ
	requestSize = 40 // of struct ifreq: the name, and what is asked
	configSize  = 4  // of ifc_len, with which struct ifconf begins
)

// deviceRequests are the ioctls that tell something of an interface.
var deviceRequests = map[uint32]func(answer []byte){
	unix.SIOCGIFINDEX:  func(b []byte) { binary.LittleEndian.PutUint32(b, loopbackIndex) },
	unix.SIOCGIFFLAGS:  func(b []byte) { binary.LittleEndian.PutUint16(b, unix.IFF_LOOPBACK) },
	unix.SIOCGIFMETRIC: func(b []byte) { clear(b[:4]) },
	unix.SIOCGIFMTU:    func(b []byte) { binary.LittleEndian.PutUint32(b, loopbackMTU) },
	unix.SIOCGIFTXQLEN: func(b []byte) { binary.LittleEndian.PutUint32(b, loopbackQueue) },
	unix.SIOCGIFMAP:    func(b []byte) { clear(b[:21]) }, // the fields of struct ifmap
	unix.SIOCGIFHWADDR: func(b []byte) {
		clear(b[:2+6]) // the family and an address of Ethernet's length
		binary.LittleEndian.PutUint16(b, loopbackType)
	},
}

// device is an ioctl of a network interface. ENOTTY for what is none.
func device(c *vfs.Context, cmd uint32, at uint64) unix.Errno {
	if cmd == unix.SIOCGIFCONF {
		// Interfaces with an address of the internet are listed, of which there are none.
		return usermem.Zero(c.Mem, at, configSize)
	}
	answer, known := deviceRequests[cmd]
	if !known && cmd != unix.SIOCGIFNAME {
		return unix.ENOTTY
	}
	var b [requestSize]byte
	if _, e := usermem.CopyIn(c.Mem, b[:], at); e != 0 {
		return e
	}
	if cmd == unix.SIOCGIFNAME {
		if binary.LittleEndian.Uint32(b[nameSize:]) != loopbackIndex {
			return unix.ENODEV
		}
		clear(b[:nameSize])
		copy(b[:], loopbackName)
	} else {
		b[nameSize-1] = 0
		name := b[:bytes.IndexByte(b[:nameSize], 0)]
		name, _, _ = bytes.Cut(name, []byte(":")) // what follows is the label of an address
		if string(name) != loopbackName {
			return unix.ENODEV
		}
		answer(b[nameSize:])
	}
	_, e := usermem.CopyOut(c.Mem, at, b[:])
	return e
}
