package procfs

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The bounds of oom_score_adj and of the older oom_adj (proc(5)).
const (
	adjustMin, adjustMax       = -1000, 1000
	oldDisable, oldMin, oldMax = -17, -16, 15
)

// showOOMScore is the share of memory the process uses, 0 to 1000, and two thirds of
// its adjustment on top (oom_badness of Linux).
func showOOMScore(r *request) ([]byte, unix.Errno) {
	t, total := r.t, int64(r.fs.source.System().Total)
	score := int64(0)
	if t.Memory != nil && total > 0 && t.OOMAdjust != adjustMin {
		points := int64(t.Memory.Resident) + int64(t.OOMAdjust)*(total/1000)
		score = max(0, (1000+points*1000/total)*2/3)
	}
	return fmt.Appendf(nil, "%d\n", score), 0
}

func showOOMScoreAdj(r *request) ([]byte, unix.Errno) {
	return fmt.Appendf(nil, "%d\n", r.t.OOMAdjust), 0
}

// showOOMAdj is the older scale: -17 switches off, 15 is the most.
func showOOMAdj(r *request) ([]byte, unix.Errno) {
	v := r.t.OOMAdjust
	old := int32(0)
	switch {
	case v == adjustMin:
		old = oldDisable
	case v == adjustMax:
		old = oldMax
	default:
		old = v * -oldDisable / adjustMax
	}
	return fmt.Appendf(nil, "%d\n", old), 0
}

// parseInt reads a decimal number with blanks around it. EINVAL otherwise.
func parseInt(text string) (int64, unix.Errno) {
	v, err := strconv.ParseInt(strings.TrimSpace(text), 0, 64)
	if err != nil {
		return 0, unix.EINVAL
	}
	return v, 0
}

func storeOOMScoreAdj(r *request, text string) unix.Errno {
	v, e := parseInt(text)
	if e != 0 {
		return e
	}
	if v < adjustMin || v > adjustMax {
		return unix.EINVAL
	}
	return r.adjustOOM(int32(v))
}

func storeOOMAdj(r *request, text string) unix.Errno {
	v, e := parseInt(text)
	switch {
	case e != 0:
		return e
	case v != oldDisable && (v < oldMin || v > oldMax):
		return unix.EINVAL
	case v == oldMax:
		v = adjustMax
	default:
		v = v * adjustMax / -oldDisable
	}
	return r.adjustOOM(int32(v))
}

// adjustOOM makes a process a likelier victim; less likely only with CAP_SYS_RESOURCE.
func (r *request) adjustOOM(v int32) unix.Errno {
	if v < r.t.OOMAdjust && !r.c.Cred.Has(unix.CAP_SYS_RESOURCE) {
		return unix.EACCES
	}
	r.fs.source.SetOOMAdjust(r.t.PID, v)
	return 0
}
