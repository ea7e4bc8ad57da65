package microkernel

import (
	"testing"
	"unsafe"

	"starling/arch/amd64"
	"starling/ipc"
	"starling/ipc/callnum"
	"starling/ipc/frame"
)

// Assembly and arch know numbers of the kernel interface without importing it.
func TestNumbersAgree(t *testing.T) {
	if want := [...]uint64{uint64(ipc.EventSyscall), uint64(ipc.EventFault), uint64(ipc.EventException), uint64(ipc.EventReport), callnum.ReplyWait, callnum.EventSync, uint64(ipc.ActionYield), uint64(ipc.MaskResult) << callnum.ReplyMaskShift,
		uint64(ipc.ActionForward) | uint64(ipc.FaultNotMapped)<<callnum.ReplyClassShift, uint64(ipc.ActionForward) | uint64(ipc.FaultOutOfMemory)<<callnum.ReplyClassShift,
		uint64(ipc.MaskLive), uint64(frame.Live) << 16}; amd64.InterfaceNumbers != want {
		t.Errorf("assembly has %v, the interface %v", amd64.InterfaceNumbers, want)
	}
	for _, g := range []struct {
		group amd64.Group
		mask  ipc.Mask
	}{
		{amd64.GroupResult, ipc.MaskResult}, {amd64.GroupGeneral, ipc.MaskGeneral}, {amd64.GroupControl, ipc.MaskControl},
		{amd64.GroupSegments, ipc.MaskSegments}, {amd64.GroupVectors, ipc.MaskFP}, {amd64.GroupDebug, ipc.MaskDebug},
	} {
		if uint16(g.group) != uint16(g.mask) {
			t.Errorf("group %d is mask %d", g.group, g.mask)
		}
	}
	if maskAll != ipc.MaskResult|ipc.MaskGeneral|ipc.MaskControl|ipc.MaskSegments|ipc.MaskFP|ipc.MaskDebug {
		t.Errorf("all groups: %#x", maskAll)
	}
}

// The specification of a thread travels as memory.
func TestThreadSpecLayout(t *testing.T) {
	var s ipc.ThreadSpec
	if unsafe.Sizeof(s) != 56 || unsafe.Offsetof(s.FrameOffset) != 16 || unsafe.Offsetof(s.TrapBadge) != 48 {
		t.Errorf("ipc.ThreadSpec has moved: %d bytes", unsafe.Sizeof(s))
	}
}

// Every call of the interface is done by the kernel.
func TestEveryCallExists(t *testing.T) {
	elsewhere := map[int]bool{callnum.Wait: true, callnum.Reply: true, callnum.ReplyWait: true, callnum.Call: true, callnum.Answer: true, callnum.AnswerWait: true, callnum.RepliesWait: true}
	for _, r := range callnum.Rows {
		if (calls[r.Number].run != nil) == elsewhere[r.Number] {
			t.Errorf("%s: in the table of calls: %v", r.Name, calls[r.Number].run != nil)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Logf("thread %d bytes, endpoint %d, space %d, memory %d, capability %d", unsafe.Sizeof(thread{}), unsafe.Sizeof(endpoint{}),
		unsafe.Sizeof(space{}), unsafe.Sizeof(memory{}), unsafe.Sizeof(capability{}))
	if capabilitiesPerPage&(capabilitiesPerPage-1) != 0 || threadsPerPage&(threadsPerPage-1) != 0 {
		t.Error("table pages do not hold a power of two: finding a slot needs a division")
	}
}
