package runtime

// There are no descriptors that one could wait for: this takes the place of the
// epoll(7) poller. netpollopen answers EPERM, as epoll_ctl(2) does for files
// that cannot be polled.

func netpollinit() {}

func netpollIsPollDescriptor(fd uintptr) bool { return false }

func netpollopen(fd uintptr, pd *pollDesc) uintptr { return 1 }

func netpollclose(fd uintptr) uintptr { return 0 }

func netpollarm(pd *pollDesc, mode int) { throw("netpollarm: nothing was opened") }

func netpollBreak() {}

func netpoll(delay int64) (gList, int32) {
	if delay != 0 {
		bareIdle(delay)
	}
	return gList{}, 0
}
