// The hello personality as a server on the machine.
package main

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"starling/ipc"
	"starling/ipc/bootconfig"
	"starling/ipc/machine"
	"starling/ipc/relay"
	"starling/ipc/rootfs"
	"starling/ipc/trace"
	"starling/pager/client"
	"starling/pager/table"
	"starling/personality/hello"
	"starling/personality/instance"
)

func main() {
	fmt.Fprintln(os.Stderr, "hello:", run())
	os.Exit(1)
}

// windowSize is the room between the window's base and the end of the low half's
// upper part: far more than there is memory.
const windowSize = 1 << 40

// run serves until the machine stops, and returns only what kept it from that.
func run() error {
	kernel, info, err := machine.Start()
	if err != nil {
		return err
	}
	t := trace.Wrap(relay.Wrap(kernel, info), info, os.Args, nil)
	cfg, err := configure(info)
	if err != nil {
		return err
	}
	window := table.NewWindow(unsafe.Add(nil, uintptr(ipc.WindowAddress)), 0, windowSize)
	pager, err := client.New(t, cfg.PagerWire, window)
	if err != nil {
		return fmt.Errorf("pager: %w", err)
	}
	one, err := instance.Configure(t, info, pager, hello.Codec)
	if err != nil {
		return err
	}
	return instance.Run(one, hello.New(cfg, t, pager))
}

// configure finds what root granted (docs/contract.md) in the info page.
func configure(info *ipc.ServerInfo) (cfg hello.Config, err error) {
	for name, to := range map[string]*ipc.Handle{
		"self": &cfg.Endpoint, "pager": &cfg.PagerWire, "console": &cfg.ConsoleWire, "root": &cfg.RootWire,
	} {
		grant, ok := info.Grant(name)
		if !ok {
			return cfg, fmt.Errorf("no %q was granted", name)
		}
		*to = grant.Handle
	}
	for _, g := range info.All() {
		if g.Kind == ipc.GrantMemory && g.Handle != 0 { // the one memory it has a capability of
			cfg.Frames, cfg.FrameSlots = g.Handle, int(g.Size/ipc.PageSize)
		}
	}
	cfg.FrameBase = unsafe.Add(nil, uintptr(ipc.FramesAddress))
	file, ok := info.Grant(rootfs.FileName)
	image, has := info.Grant("image")
	if !ok || !has || cfg.Frames == 0 {
		return cfg, errors.New("frames, the boot image and its root file system must be granted")
	}
	cfg.RootOffset = file.Base - image.Base
	if cfg.RootFS, err = rootfs.Open(shown(file)); err != nil {
		return cfg, err
	}
	for _, a := range os.Args[1:] {
		if a != trace.Flag {
			cfg.Programs = append(cfg.Programs, a)
		}
	}
	if len(cfg.Programs) == 0 {
		// It is the only personality: it runs what the command asks for.
		config, ok := info.Grant(bootconfig.FileName)
		if !ok {
			return cfg, errors.New("neither arguments nor a configuration name a program")
		}
		boot, err := bootconfig.Decode(shown(config))
		if err != nil {
			return cfg, err
		}
		cfg.Programs = []string{boot.Program}
	}
	return cfg, nil
}

// shown is a file of the boot image as the window shows it.
func shown(g ipc.Grant) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(ipc.WindowAddress+g.Base))), g.Size)
}
