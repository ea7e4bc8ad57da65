package personality

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/procview"
	"starling/personality/vfs/devfs"
	"starling/personality/vfs/procfs"
	"starling/personality/vfs/sysfs"
)

// pseudo are the file systems that show the system.
type pseudo struct {
	proc *procfs.FS
	sys  *sysfs.Type
}

// kernelCommandLine is the text of /proc/cmdline: there is no kernel that reads one, but
// programs look for words in it.
const kernelCommandLine = "starling quiet"

// addProc registers /proc and /sys.
func (p *Personality) addProc() {
	view := procview.New(p.k, p.ttys, kernelCommandLine, isa.Describe(&p.cfg.CPU))
	p.pseudo = pseudo{procfs.New(p.k.VFS, view), sysfs.New(p.k.VFS)}
}

// mountProc mounts them.
func (p *Personality) mountProc() unix.Errno {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if e := devfs.MountAt(p.k.VFS, p.pseudo.proc.Super(), "/proc", flags, "proc"); e != 0 {
		return e
	}
	return devfs.MountAt(p.k.VFS, p.pseudo.sys.Super(), "/sys", flags, "sysfs")
}
