package runtime

// defined in oscall_amd64.s
func bareTicks() int64
