// Package images composes boot images: it builds the kernel and the servers
// that a manifest names, and puts them, the manifest, the root file system and
// the settings of the run into one file that boots. It runs on the host.
package images

import (
	_ "embed" // system.yaml
	"fmt"

	"starling/images/pvh"
	"starling/ipc/bootconfig"
	"starling/ipc/bundle"
	"starling/ipc/lab"
	"starling/ipc/rootfs"
	"starling/servers/manifest"
)

// SystemManifest describes the default system.
//
//go:embed system.yaml
var SystemManifest []byte

// Names of programs that every image has.
const (
	KernelProgram = "kernel"
	RootProgram   = "root"
)

// System is what goes into a boot image.
type System struct {
	Manifest []byte
	Programs map[string][]byte // by name: the kernel, root and the servers of the manifest
	Rootfs   []byte            // an ipc/rootfs image
	Config   bootconfig.Config
	Faults   []byte // a plan for the labs, nil for none
}

// Compose makes the boot image. A seed in the configuration makes every random
// choice of the machine follow from it.
func Compose(s System) ([]byte, *pvh.Layout, error) {
	m, err := manifest.Parse(s.Manifest)
	if err != nil {
		return nil, nil, err
	}
	config, err := bootconfig.Encode(s.Config)
	if err != nil {
		return nil, nil, err
	}
	var files []bundle.File
	for _, name := range append([]string{RootProgram}, m.Binaries()...) {
		data, ok := s.Programs[name]
		if !ok {
			return nil, nil, fmt.Errorf("boot image: no program %q", name)
		}
		files = append(files, bundle.File{Name: name, Data: data})
	}
	files = append(files,
		bundle.File{Name: manifest.FileName, Data: s.Manifest},
		bundle.File{Name: bootconfig.FileName, Data: config},
		bundle.File{Name: rootfs.FileName, Data: s.Rootfs})
	if s.Faults != nil {
		files = append(files, bundle.File{Name: lab.PlanFile, Data: s.Faults})
	}
	image := pvh.Image{Kernel: s.Programs[KernelProgram], Files: files}
	if s.Config.Seed != 0 {
		image.Seed = &[2]uint64{s.Config.Seed, ^s.Config.Seed}
	}
	return pvh.Compose(image)
}
