package images

import (
	"os"
	"testing"

	"starling/ipc/bootconfig"
	"starling/ipc/rootfs"
	"starling/servers/manifest"
)

// The default manifest must be valid, and every program in it must be one that
// can be built.
func TestSystemManifest(t *testing.T) { checkManifest(t, SystemManifest) }

// The same goes for the other examples.
func TestExampleManifests(t *testing.T) {
	for _, name := range []string{"hello.yaml", "both.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { checkManifest(t, text) })
	}
}

func checkManifest(t *testing.T, text []byte) {
	t.Helper()
	m, err := manifest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range m.Binaries() {
		if _, ok := packages[name]; !ok {
			t.Errorf("nothing builds %q", name)
		}
	}
	for _, role := range []manifest.Role{manifest.Pager, manifest.Console, manifest.Personality} {
		if _, ok := m.ByRole(role); !ok {
			t.Errorf("no server has role %d", role)
		}
	}
	files := map[string]bool{bootconfig.FileName: true, rootfs.FileName: true}
	for _, s := range m.Servers {
		for _, f := range s.Files {
			if !files[f] {
				t.Errorf("%s wants file %q, which no image has", s.Name, f)
			}
		}
	}
}

func TestComposeSaysWhatIsMissing(t *testing.T) {
	_, _, err := Compose(System{Manifest: SystemManifest, Programs: map[string][]byte{}})
	if err == nil || err.Error() != `boot image: no program "root"` {
		t.Errorf("got %v", err)
	}
}
