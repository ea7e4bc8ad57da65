//go:build suites

package suites

// straceDeviations are the tests of strace's suite whose results differ, with the reason.
var straceDeviations = []deviation{
	{test: "aio*", got: "SKIP", why: "io_setup(2) is ENOSYS, as Linux without CONFIG_AIO"},
	{test: "file_handle*", got: "SKIP", why: "name_to_handle_at(2) is EOPNOTSUPP: no file system has handles"},
	{test: "segv_pkuerr", got: "SKIP", why: "the processor's protection keys are off"},
	{test: "so_error", got: "SKIP", why: noInternet},
	{test: "sock_filter*", got: "SKIP", why: noInternet},
	{test: "group_req", got: "SKIP", why: noInternet},
	{test: "ip_mreq", got: "SKIP", why: noInternet},
	{test: "net*", got: "SKIP", why: noInternet},
	{test: "*inet*", got: "SKIP", why: noInternet},
	{test: "*netlink*", got: "SKIP", why: noInternet},
	{test: "nlattr*", got: "SKIP", why: noInternet},
	{test: "sockopt*", got: "SKIP", why: noInternet},
	{test: "xet_robust_list*", got: "SKIP", why: namespaces},
	{test: "*--pidns-translation*", got: "SKIP", why: namespaces},
	{test: "pidns-cache", got: "SKIP", why: namespaces},
	{test: "prctl-tsc", got: "FAIL", why: "PR_TSC_SIGSEGV is EINVAL: the kernel lets every program read the time-stamp counter"},
	{test: "int_0x80", why: compat},
	{test: "ioctl_sock*", got: "SKIP", why: noInternet},
	{test: "ioctl_uffdio", got: "SKIP", why: "userfaultfd(2) is ENOSYS, as Linux without CONFIG_USERFAULTFD"},
	{test: "set_mempolicy*", got: "SKIP", why: "set_mempolicy(2) is ENOSYS, as Linux without CONFIG_NUMA"},
	{test: "mbind*", got: "SKIP", why: "mbind(2) is ENOSYS, as Linux without CONFIG_NUMA"},
	{test: "get_mempolicy*", got: "SKIP", why: "get_mempolicy(2) is ENOSYS, as Linux without CONFIG_NUMA"},
}
