package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"starling/cmd/starling/qemu"
	"starling/images"
	"starling/images/tree"
	"starling/ipc/bootconfig"
	"starling/servers/manifest"
)

// options are the flags that say what to boot and how.
type options struct {
	rootfs    string
	add       []string
	deb       []string
	env       []string
	dir       string
	memory    string
	machine   string
	accel     string
	manifest  string
	seed      uint64
	icount    bool
	trace     bool
	traceJSON string
	missing   bool
	labs      []string
	verbose   bool
	socket    string
	spare     int
	swapEvery time.Duration
	swapWith  []string

	uprobes, uretprobes []string
}

func (o *options) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&o.rootfs, "rootfs", "", "root file system: a `DIR` or a cpio archive (default: busybox)")
	f.StringArrayVar(&o.add, "add", nil, "add a file or directory, `HOST:GUEST`; may be repeated")
	f.StringArrayVar(&o.deb, "deb", nil, "add a Debian `PACKAGE` with its dependencies; may be repeated")
	f.StringArrayVar(&o.env, "env", nil, "set an environment variable, `NAME=VALUE`; may be repeated")
	f.StringVar(&o.dir, "cwd", defaultDir, "working directory of the program")
	f.StringVar(&o.memory, "mem", "256M", "memory of the machine")
	f.StringVar(&o.machine, "machine", "microvm", "machine to emulate: "+strings.Join(qemu.Machines, " or "))
	f.StringVar(&o.accel, "accel", "auto", "accelerator: "+strings.Join(qemu.Accelerators, ", "))
	f.StringVar(&o.manifest, "manifest", "", "describe the system by this `FILE` instead of the default")
	f.StringArrayVar(&o.labs, "lab", nil, "put a fault injector into this wire, `FROM>TO`; may be repeated. Without a plan it hands on what comes")
	f.Uint64Var(&o.seed, "seed", 0, "make every random choice follow from this `NUMBER` (default: a new one each time)")
	f.BoolVar(&o.icount, "icount", false, "let one instruction take one nanosecond of the machine's time")
	f.BoolVar(&o.trace, "trace", false, "print every message on every wire to standard error")
	f.StringVar(&o.traceJSON, "trace-json", "", "write every message on every wire to this `FILE`, for Perfetto")
	f.BoolVar(&o.missing, "missing", false, "name at the end the system calls that were made but do not exist")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say what is being done")
}

// log says what is being done, if that is wanted or takes long.
func (o *options) log(format string, args ...any) {
	if o.verbose {
		complain(fmt.Sprintf(format, args...))
	}
}

// system is everything that the options ask for, ready to be composed.
type system struct {
	images.System
	tree *tree.Tree
	qemu qemu.Config
	// personality is the name of the server that runs the program.
	personality string
}

// prepare reads, builds and checks everything but the program to run.
func (o *options) prepare() (*system, error) {
	s := &system{}
	var err error
	if s.qemu, err = o.machineConfig(); err != nil {
		return nil, err
	}
	if s.Config, err = o.config(); err != nil {
		return nil, err
	}
	s.Manifest = images.SystemManifest
	if o.manifest != "" {
		if s.Manifest, err = os.ReadFile(o.manifest); err != nil {
			return nil, err
		}
	}
	m, err := manifest.Parse(s.Manifest)
	if err == nil && len(o.labs) > 0 {
		if s.Manifest, err = manifest.Tap(s.Manifest, o.labs, o.spare); err == nil {
			m, err = manifest.Parse(s.Manifest)
		}
	}
	if err != nil {
		if o.manifest != "" {
			err = fmt.Errorf("%s: %w", o.manifest, err)
		}
		return nil, err
	}
	if p, ok := m.ByRole(manifest.Personality); ok {
		s.personality = p.Name
	}
	if s.tree, err = o.buildTree(); err != nil {
		return nil, err
	}
	source, err := images.FindSource()
	if err != nil {
		return nil, err
	}
	builder := images.Builder{Source: source, Log: o.log}
	names := append([]string{images.KernelProgram, images.RootProgram}, m.Binaries()...)
	s.Programs, err = builder.Programs(names)
	return s, err
}

func (o *options) machineConfig() (c qemu.Config, err error) {
	c = qemu.Config{Machine: o.machine, CountInstructions: o.icount, Seed: o.seed}
	accel := o.accel
	if o.icount && accel == "auto" {
		accel = "tcg"
	}
	if c.Accel, err = qemu.ChooseAccel(accel); err != nil {
		return c, err
	}
	if c.Memory, err = manifest.ParseSize(o.memory); err != nil {
		return c, fmt.Errorf("--mem: %w", err)
	}
	const least, most = 64 << 20, 3 << 30 // above is the hole for devices
	if c.Memory < least || c.Memory > most || c.Memory%(1<<20) != 0 {
		return c, fmt.Errorf("--mem %s: want whole MiB from %dM to %dM", o.memory, least>>20, most>>20)
	}
	return c, c.Check()
}

// buildTree puts the root file system together.
func (o *options) buildTree() (t *tree.Tree, err error) {
	st, err := os.Stat(o.rootfs)
	switch {
	case o.rootfs == "":
		t, err = tree.Busybox(tree.BusyboxPath)
	case err != nil:
		err = fmt.Errorf("--rootfs: %w", err)
	case st.IsDir():
		t = tree.New()
		err = t.AddHost(o.rootfs, "/.") // the folder itself, where "/" would put it into the root
	default:
		t = tree.New()
		err = t.AddCPIO(o.rootfs)
	}
	if err != nil {
		return nil, err
	}
	if len(o.deb) > 0 {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, err
		}
		debian := tree.Debian{Cache: filepath.Join(cache, "starling", "debian"), Log: o.log}
		if err := debian.Add(t, o.deb); err != nil {
			return nil, err
		}
	}
	for _, a := range o.add {
		host, guest, err := tree.ParseAdd(a)
		if err == nil {
			err = t.AddHost(host, guest)
		}
		if err != nil {
			return nil, fmt.Errorf("--add: %w", err)
		}
	}
	return t, nil
}

// defaultEnv is what a program finds when nothing else was asked for.
var defaultEnv = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh",
}

func (o *options) config() (c bootconfig.Config, err error) {
	if !path.IsAbs(o.dir) {
		return c, fmt.Errorf("--cwd %q: want an absolute path in the guest", o.dir)
	}
	c = bootconfig.Config{Dir: path.Clean(o.dir), Seed: o.seed, WallTime: time.Now().UnixNano()}
	if o.icount && o.seed != 0 {
		c.Flags |= bootconfig.Deterministic
		c.WallTime = tree.Epoch
	}
	if o.trace || o.traceJSON != "" {
		c.Flags |= bootconfig.Trace
	}
	if o.missing {
		c.Flags |= bootconfig.CountMissing
	}
	c.Env = append(c.Env, defaultEnv...)
	for _, e := range o.env {
		name, _, ok := strings.Cut(e, "=")
		if !ok || name == "" {
			return c, fmt.Errorf("--env %q: want NAME=VALUE", e)
		}
		c.Env = setEnv(c.Env, e)
	}
	return c, nil
}

// setEnv replaces or adds NAME=VALUE.
func setEnv(env []string, e string) []string {
	name, _, _ := strings.Cut(e, "=")
	for i := range env {
		if strings.HasPrefix(env[i], name+"=") {
			env[i] = e
			return env
		}
	}
	return append(env, e)
}

// errNotFound says that the root file system has no such program.
var errNotFound = errors.New("not found in the root file system")

// defaultDir is where programs start when nothing else was asked for and it is there.
const defaultDir = "/root"

// setProgram fills in what to run; nothing means a shell.
func (s *system) setProgram(args []string) error {
	if !s.tree.Has(s.Config.Dir) {
		if s.Config.Dir != defaultDir {
			return fmt.Errorf("--cwd %s: %w", s.Config.Dir, errNotFound)
		}
		s.Config.Dir = "/"
	}
	if len(args) == 0 {
		s.Config.Program, s.Config.Args = "/bin/sh", []string{"-sh"}
		if !s.tree.Has("/bin/sh") {
			return fmt.Errorf("/bin/sh: %w: name a program", errNotFound)
		}
		return nil
	}
	s.Config.Args = args
	if strings.Contains(args[0], "/") {
		s.Config.Program = args[0]
		at := args[0]
		if !path.IsAbs(at) {
			at = path.Join(s.Config.Dir, at)
		}
		if !s.tree.Has(at) {
			return fmt.Errorf("%s: %w", args[0], errNotFound)
		}
		return nil
	}
	for _, e := range s.Config.Env {
		list, ok := strings.CutPrefix(e, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range strings.Split(list, ":") {
			if at := path.Join("/", dir, args[0]); s.tree.Has(at) {
				s.Config.Program = at
				return nil
			}
		}
	}
	return fmt.Errorf("%s: %w (looked in PATH)", args[0], errNotFound)
}

// compose writes the image.
func (s *system) compose() (image []byte, err error) {
	if s.Rootfs, err = s.tree.Encode(); err != nil {
		return nil, err
	}
	image, layout, err := images.Compose(s.System)
	if err != nil {
		return nil, err
	}
	// What the image takes of the machine's memory is gone for the programs.
	const least = 48 << 20
	if end := layout.HeapStart + layout.HeapSize; end+least > s.qemu.Memory {
		return nil, fmt.Errorf("the image takes %d MiB of memory: give the machine more, at least --mem %dM, and %dM to do much", end>>20, (end+least+1<<20-1)>>20, (end+2*least)>>20)
	}
	return image, nil
}
