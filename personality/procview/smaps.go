package procview

import (
	"starling/ipc"
	"starling/personality/mm"
)

// flagNames is the line VmFlags of smaps (proc(5)): two letters each.
func flagNames(r *mm.Region) (names []string) {
	shared := r.Flags&mm.Shared != 0
	for _, f := range []struct {
		on   bool
		name string
	}{
		{r.Access&ipc.Read != 0, "rd"}, {r.Access&ipc.Write != 0, "wr"}, {r.Access&ipc.Execute != 0, "ex"}, {shared, "sh"},
		{r.May&ipc.Read != 0, "mr"}, {r.May&ipc.Write != 0, "mw"}, {r.May&ipc.Execute != 0, "me"}, {shared, "ms"},
		{r.Flags&mm.GrowsDown != 0, "gd"}, {r.Flags&mm.VVar != 0, "io"}, {r.Flags&mm.Locked != 0, "lo"},
		{r.Flags&mm.Sequential != 0, "sr"}, {r.Flags&mm.Random != 0, "rr"}, {r.Flags&mm.NoFork != 0, "dc"},
		{r.Flags&(mm.VDSO|mm.VVar) != 0, "de"}, {r.Access&ipc.Write != 0 && !shared && r.Flags&mm.NoReserve == 0, "ac"},
		{r.Flags&mm.NoReserve != 0, "nr"}, {r.Flags&mm.Wipe != 0, "wf"}, {r.Flags&(mm.NoDump|mm.VVar) != 0, "dd"},
	} {
		if f.on {
			names = append(names, f.name)
		}
	}
	return names
}
