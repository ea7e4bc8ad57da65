// Package relay is how the traps of programs reach a server through servers/lab, and how its replies come back.
//
// The kernel delivers a trap to one endpoint, and takes the reply from whoever waits there. When that is a lab, the
// lab hands the event on in memory that it shares with the server (Area), and notifies it; the server puts its reply
// there and notifies the lab, which gives it to the kernel. A lab has a higher priority than the server: it is there
// before Notify returns, so a reply has a status as a kernel call has one.
//
// Transport does the server's part; the server itself knows nothing of it. It may import ipc only.
package relay
