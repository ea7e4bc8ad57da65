package sim

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"starling/pager/client"
	"starling/pager/table"
	kernel "starling/ipc/sim"
	"starling/personality/state"
)

func TestZZ(t *testing.T) {
	for i := range Scenarios {
		s := &Scenarios[i]
		if s.Name != os.Getenv("SC") {
			continue
		}
		m := s.Boot(t, Options{})
		n := 0
		m.Kernel.Tap(func(msg kernel.Message) {
			if msg.Kind != kernel.MessageHandled || msg.Server != m.linux || m.Server == nil {
				return
			}
			n++
			if os.Getenv("STATS") != "" {
				c, _ := client.New(m.linux, m.parts.Pager, table.NewWindow(m.parts.Window, 0, m.parts.Memory))
				h := c.Stats()
				fmt.Printf("%d kern %d %+v\n", n, m.linux.KernelFree(), h)
			}
			if n == 1 && os.Getenv("DUMP") != "" {
				before := m.Server.Export()
				fresh, _ := Linux(&m.parts, true)
				if err := fresh.Import(before); err != nil {
					t.Fatal(err)
				}
				after := fresh.Export()
				for i, b := range [][]byte{before, after} {
					j, _ := json.MarshalIndent(state.GetRootAsPersonality(b, 0).UnPack(), "", " ")
					os.WriteFile(fmt.Sprintf("/tmp/dump%d", i), j, 0o644)
				}
			}
		})
		s.Run(m)
	}
}
