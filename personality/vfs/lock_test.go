package vfs_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"starling/personality/vfs"
	"starling/personality/vfs/vfstest"
	"starling/personality/wait"
)

// TestRecordLocksAgainstBytes checks the ranges against a model that knows for each
// byte who has it and how.
func TestRecordLocksAgainstBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size, owners = 12, 3
		w := vfstest.New(t)
		f := w.MustOpen("/f", unix.O_CREAT|unix.O_RDWR, 0600)
		var model [owners][size + 1]byte // 0 free, 1 shared, 2 exclusive; the last byte stands for the rest of the file
		for range 40 {
			owner := rapid.IntRange(0, owners-1).Draw(t, "owner")
			start := rapid.IntRange(0, size-1).Draw(t, "start")
			end := rapid.IntRange(start, size).Draw(t, "end")
			kind := rapid.SampledFrom([]byte{0, 1, 2}).Draw(t, "kind")
			l := vfs.Lock{Kind: vfs.LockProcess, Owner: uint64(owner + 1), PID: int32(owner), Exclusive: kind == 2, Start: int64(start), End: int64(end)}
			if end == size {
				l.End = vfs.LockEnd
			}
			if owner == 2 {
				l.Kind = vfs.LockDescription
			}
			free := true
			for o := range owners {
				for b := start; b <= end; b++ {
					if o != owner && kind != 0 && (model[o][b] == 2 || model[o][b] == 1 && kind == 2) {
						free = false
					}
				}
			}
			var e unix.Errno
			if kind == 0 {
				e = w.V.Unlock(f.Inode, &l)
			} else {
				e = w.C.SetLock(f.Inode, &l, false)
			}
			if want := map[bool]unix.Errno{true: 0, false: unix.EAGAIN}[free || kind == 0]; e != want {
				t.Fatalf("owner %d kind %d %d-%d: %v, want %v", owner, kind, start, end, e, want)
			}
			if e == 0 {
				for b := start; b <= end; b++ {
					model[owner][b] = kind
				}
			}
		}
		// Each byte is held as the model says.
		var got [owners][size + 1]byte
		w.V.Locks(func(_ *vfs.Inode, l vfs.Lock) {
			for b := l.Start; b <= min(l.End, size); b++ {
				if got[l.Owner-1][b] != 0 {
					t.Fatalf("byte %d is held twice by %d", b, l.Owner)
				}
				got[l.Owner-1][b] = 1
				if l.Exclusive {
					got[l.Owner-1][b] = 2
				}
			}
		})
		if got != model {
			t.Fatalf("locks are\n%v, want\n%v", got, model)
		}
	})
}

func TestDeadlockIsSeen(t *testing.T) {
	w := vfstest.New(t)
	f := w.MustOpen("/f", unix.O_CREAT|unix.O_RDWR, 0600)
	lock := func(owner uint64, at int64) *vfs.Lock {
		return &vfs.Lock{Kind: vfs.LockProcess, Owner: owner, PID: int32(owner), Exclusive: true, Start: at, End: at}
	}
	for o := uint64(1); o <= 3; o++ {
		if e := w.C.SetLock(f.Inode, lock(o, int64(o)), true); e != 0 {
			t.Fatal(e)
		}
	}
	// 1 waits for 2, 2 for 3; 3 may not wait for 1.
	for o := uint64(1); o <= 2; o++ {
		w.C.Thread = wait.Thread(o)
		if e := w.C.SetLock(f.Inode, lock(o, int64(o+1)), true); e != unix.EAGAIN {
			t.Fatalf("%d: %v", o, e)
		}
		w.V.Waits.Add(f.Inode.WaitID(), wait.Thread(o), wait.Any)
	}
	w.C.Thread = 3
	if e := w.C.SetLock(f.Inode, lock(3, 1), true); e != unix.EDEADLK {
		t.Errorf("a circle of three: %v", e)
	}
	// A wait that a signal ended does not count.
	w.V.Waits.Remove(f.Inode.WaitID(), 2)
	if e := w.C.SetLock(f.Inode, lock(3, 1), true); e != unix.EAGAIN {
		t.Errorf("after 2 gave up: %v", e)
	}
}

func TestCloseDropsProcessLocks(t *testing.T) {
	w := vfstest.New(t)
	f := w.MustOpen("/f", unix.O_CREAT|unix.O_RDWR, 0600)
	g := w.MustOpen("/f", unix.O_RDWR, 0)
	fd, _ := w.C.Alloc(f, 0, false)
	gd, _ := w.C.Alloc(g, 0, false)
	mine := vfs.Lock{Kind: vfs.LockProcess, Owner: w.C.Files.ID, PID: 10, Exclusive: true, End: 9}
	other := vfs.Lock{Kind: vfs.LockProcess, Owner: 999, PID: 11, Exclusive: true, End: 9}
	flock := vfs.Lock{Kind: vfs.LockFlock, Owner: f.Id, PID: 10, Exclusive: true, End: vfs.LockEnd}
	if e := w.C.SetLock(f.Inode, &mine, false); e != 0 {
		t.Fatal(e)
	}
	if e := w.C.SetLock(f.Inode, &flock, false); e != 0 {
		t.Fatalf("flock beside a record lock: %v", e)
	}
	if e := w.C.SetLock(f.Inode, &other, false); e != unix.EAGAIN {
		t.Fatal(e)
	}
	n := w.Swap()
	w = n
	in := w.C.Files.Get(fd).Inode
	if got, ok := in.FindConflict(&other); !ok || got.PID != 10 {
		t.Errorf("after a swap the lock is %+v", got)
	}
	w.C.Close(gd) // any descriptor of the file
	if e := w.C.SetLock(in, &other, false); e != 0 {
		t.Errorf("the lock outlived a close: %v", e)
	}
	if l := fmt.Sprint(count(w.V)); l != "2" {
		t.Errorf("%s locks, want the other's and the flock", l)
	}
	w.C.Close(fd)
	if count(w.V) != 0 {
		t.Error("locks outlived the file")
	}
}

func count(v *vfs.VFS) (n int) {
	v.Locks(func(*vfs.Inode, vfs.Lock) { n++ })
	return n
}
