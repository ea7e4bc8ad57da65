package main

import (
	"strings"
	"testing"

	"starling/ipc"
	"starling/ipc/supervise"
)

func grants(t *testing.T, all map[string]ipc.Grant) *ipc.ServerInfo {
	info := new(ipc.ServerInfo)
	for _, name := range []string{"self", "space", "memory0", "memory1", "image"} {
		if g, ok := all[name]; ok {
			if err := info.AddGrant(name, g); err != nil {
				t.Fatal(err)
			}
		}
	}
	return info
}

func TestConfigure(t *testing.T) {
	all := map[string]ipc.Grant{
		"self":    {Handle: 3, Kind: ipc.GrantEndpoint},
		"space":   {Handle: 4, Kind: ipc.GrantSpace},
		"memory0": {Handle: 5, Kind: ipc.GrantMemory, Base: 0x80_0000, Size: 0x100_0000},
		"memory1": {Handle: 6, Kind: ipc.GrantMemory, Base: 0x1000, Size: 0x9_e000},
		"image":   {Handle: 7, Kind: ipc.GrantMemory, Base: 0x20_0000, Size: 0x12_3000},
	}
	cfg, endpoint, err := configure(grants(t, all))
	if err != nil {
		t.Fatal(err)
	}
	if endpoint != 3 || cfg.Own != 4 || len(cfg.Memory) != 2 || cfg.Memory[1] != 6 || cfg.Image != 7 || cfg.Admin != supervise.Badge {
		t.Errorf("endpoint %d, configuration %+v", endpoint, cfg)
	}
	if low, size := cfg.Window.Low(), cfg.Window.Size(); low != 0x1000 || low+size != 0x180_0000 {
		t.Errorf("window of %#x bytes from %#x", size, low)
	}
	if at := uintptr(cfg.Window.Base()); at != uintptr(ipc.WindowAddress+0x1000) {
		t.Errorf("window at %#x", at)
	}
	for _, missing := range []string{"self", "space", "memory0"} {
		g := all[missing]
		delete(all, missing)
		if _, _, err := configure(grants(t, all)); err == nil || !strings.HasPrefix(err.Error(), "pager: ") {
			t.Errorf("without %s: error %v", missing, err)
		}
		all[missing] = g
	}
}

// brokenWire lets Wait fail as it does for a reply that came too late, and then for good.
type brokenWire struct {
	ipc.Transport
	errors []error
}

func (w *brokenWire) Wait(ipc.Handle, *ipc.Event) error {
	err := w.errors[0]
	w.errors = w.errors[1:]
	return err
}

func TestServeEndsWhenWaitKeepsFailing(t *testing.T) {
	w := &brokenWire{errors: []error{ipc.ErrStale, ipc.ErrCapability}}
	if err := serve(w, 1, nil); err == nil || len(w.errors) != 0 {
		t.Errorf("error %v, %d left", err, len(w.errors))
	}
}
