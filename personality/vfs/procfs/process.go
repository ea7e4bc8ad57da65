package procfs

import (
	"strconv"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
)

// threadRows are the files of every thread; those of the process show its sums.
func threadRows() []*entry {
	return []*entry{
		fdDir, fdInfoDir,
		{name: "environ", mode: unix.S_IFREG | 0400, show: showEnviron, private: true},
		{name: "auxv", mode: unix.S_IFREG | 0400, show: showAuxv, private: true},
		file("status", showStatus),
		{name: "personality", mode: unix.S_IFREG | 0400, show: showPersonality, private: true},
		file("limits", showLimits),
		{name: "comm", mode: unix.S_IFREG | 0644, show: showComm, store: storeComm},
		{name: "syscall", mode: unix.S_IFREG | 0400, show: showCall, private: true},
		file("cmdline", showCommandLine),
		file("stat", showStat),
		file("statm", showStatm),
		{name: "maps", mode: unix.S_IFREG | 0444, show: showMaps, private: true},
		{name: "smaps", mode: unix.S_IFREG | 0444, show: showSmaps, private: true},
		{name: "mem", mode: unix.S_IFREG | 0600, open: openMem, private: true},
		{name: "cwd", mode: unix.S_IFLNK | 0777, place: placeCwd, private: true},
		{name: "root", mode: unix.S_IFLNK | 0777, place: placeRoot, private: true},
		{name: "exe", mode: unix.S_IFLNK | 0777, place: placeExe, private: true},
		file("mounts", showMounts),
		file("mountinfo", showMountinfo),
		{name: "coredump_filter", mode: unix.S_IFREG | 0644, show: showDumpFilter, store: storeDumpFilter},
		{name: "io", mode: unix.S_IFREG | 0400, show: showIO, private: true},
		file("schedstat", showSchedstat),
		file("cgroup", func(*request) ([]byte, unix.Errno) { return []byte("0::/\n"), 0 }),
		file("oom_score", showOOMScore),
		{name: "oom_adj", mode: unix.S_IFREG | 0644, show: showOOMAdj, store: storeOOMAdj},
		{name: "oom_score_adj", mode: unix.S_IFREG | 0644, show: showOOMScoreAdj, store: storeOOMScoreAdj},
		file("loginuid", func(*request) ([]byte, unix.Errno) { return []byte("4294967295"), 0 }),
		file("sessionid", func(*request) ([]byte, unix.Errno) { return []byte("4294967295"), 0 }),
		file("wchan", showWchan),
		{name: "setgroups", mode: unix.S_IFREG | 0444, show: func(*request) ([]byte, unix.Errno) { return []byte("allow\n"), 0 }},
		file("uid_map", showIDMap),
		file("gid_map", showIDMap),
	}
}

var (
	fdDir = &entry{name: "fd", mode: unix.S_IFDIR | 0500, list: listFD, find: findFD}
	// fdLink is a descriptor below fd, fdInfo one below fdinfo.
	fdLink    = &entry{name: "*", mode: unix.S_IFLNK | 0700, place: placeFD, private: true}
	fdInfoDir = &entry{name: "fdinfo", mode: unix.S_IFDIR | 0555, list: listFD, find: findFDInfo, private: true}
	fdInfo    = &entry{name: "*", mode: unix.S_IFREG | 0444, show: showFDInfo, private: true}

	threadTree  = &entry{mode: unix.S_IFDIR | 0555}
	processTree = &entry{mode: unix.S_IFDIR | 0555}
)

func init() {
	threadTree.children = threadRows()
	processTree.children = append([]*entry{{name: "task", mode: unix.S_IFDIR | 0555}}, threadRows()...)
}

func placeCwd(r *request) (vfs.Path, unix.Errno) {
	if r.t.FS == nil {
		return vfs.Path{}, unix.ENOENT
	}
	return r.t.FS.Cwd, 0
}

func placeRoot(r *request) (vfs.Path, unix.Errno) {
	if r.t.FS == nil {
		return vfs.Path{}, unix.ENOENT
	}
	return r.t.FS.Root, 0
}

func placeExe(r *request) (vfs.Path, unix.Errno) {
	if r.t.Memory == nil || r.t.Memory.Exe == nil {
		return vfs.Path{}, unix.ENOENT
	}
	return r.t.Memory.Exe.Path, 0
}

func (r *request) open(fd int64) *vfs.File {
	if r.t.Files == nil {
		return nil
	}
	return r.t.Files.Get(int32(fd))
}

func placeFD(r *request) (vfs.Path, unix.Errno) {
	f := r.open(r.key)
	if f == nil {
		return vfs.Path{}, unix.ENOENT
	}
	return f.Path, 0
}

// linkMode shows in the mode of a link below fd how the file is open.
func (n *node) linkMode() uint32 {
	r, e := n.request(nil)
	if e != 0 {
		return 0
	}
	f := r.open(n.key)
	if f == nil {
		return 0
	}
	mode := uint32(0)
	if f.Readable() {
		mode |= 0500
	}
	if f.Writable() {
		mode |= 0300
	}
	return mode
}

func listFD(r *request, emit func(string, int64, uint32) bool) {
	if r.t.Files == nil {
		return
	}
	typ := uint32(unix.S_IFLNK)
	if r.e.name == "fdinfo" {
		typ = unix.S_IFREG
	}
	for fd := r.t.Files.Next(0); fd >= 0; fd = r.t.Files.Next(fd + 1) {
		if !emit(strconv.Itoa(int(fd)), int64(fd), typ) {
			return
		}
	}
}

func findFD(r *request, name string) (*entry, int64, bool) { return fdLink.of(r, name) }

func findFDInfo(r *request, name string) (*entry, int64, bool) { return fdInfo.of(r, name) }

// of finds the row of an open descriptor.
func (e *entry) of(r *request, name string) (*entry, int64, bool) {
	fd, ok := number(name)
	if name == "0" {
		fd, ok = 0, true
	}
	if !ok || r.open(int64(fd)) == nil {
		return nil, 0, false
	}
	return e, int64(fd), true
}
