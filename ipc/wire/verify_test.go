package wire_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"

	"starling/ipc/wire"
	"starling/ipc/wire/sample"
)

// full is a message that has every kind of field.
func full() []byte {
	leaf := &sample.LeafT{Name: "leaf", Weight: 1.5}
	child := &sample.NodeT{Id: 2, Title: "child", Thing: &sample.ThingT{Type: sample.ThingBox,
		Value: &sample.BoxT{Label: "box", Corner: &sample.PointT{X: 1, Y: 2, Z: 3}}}}
	node := &sample.NodeT{
		Id: 1, Flag: true, Color: sample.ColorBlue, Title: "title", At: &sample.PointT{X: 4, Y: 5, Z: 6},
		Bytes: []byte{1, 2, 3}, Words: []uint64{7, 8}, Points: []*sample.PointT{{X: 9}, {Y: 10}},
		Names: []string{"", "a", "bc"}, Leaf: leaf, Children: []*sample.NodeT{child, {}},
		Thing: &sample.ThingT{Type: sample.ThingLeaf, Value: leaf},
	}
	return pack(node)
}

func pack(n *sample.NodeT) []byte {
	b := flatbuffers.NewBuilder(256)
	b.FinishWithFileIdentifier(n.Pack(b), []byte("SMPL"))
	return b.FinishedBytes()
}

// touch reads everything there is through the generated accessors.
func touch(buf []byte) (sum int) {
	var node func(n *sample.Node)
	point := func(p *sample.Point) {
		if p != nil {
			sum += int(p.X()) + int(p.Y()) + int(p.Z())
		}
	}
	leaf := func(l *sample.Leaf) {
		if l != nil {
			sum += len(l.Name()) + int(l.Weight())
			for _, c := range l.Name() {
				sum += int(c)
			}
		}
	}
	node = func(n *sample.Node) {
		sum += int(n.Id()) + int(n.Color())
		for _, c := range n.Title() {
			sum += int(c)
		}
		point(n.At(nil))
		for _, c := range n.BytesBytes() {
			sum += int(c)
		}
		for i := range n.BytesLength() {
			sum += int(n.Bytes(i))
		}
		for i := range n.WordsLength() {
			sum += int(n.Words(i))
		}
		for i := range n.PointsLength() {
			var p sample.Point
			n.Points(&p, i)
			point(&p)
		}
		for i := range n.NamesLength() {
			for _, c := range n.Names(i) {
				sum += int(c)
			}
		}
		leaf(n.Leaf(nil))
		for i := range n.ChildrenLength() {
			var c sample.Node
			n.Children(&c, i)
			node(&c)
		}
		var t flatbuffers.Table
		if n.Thing(&t) {
			switch n.ThingType() {
			case sample.ThingLeaf:
				var l sample.Leaf
				l.Init(t.Bytes, t.Pos)
				leaf(&l)
			case sample.ThingBox:
				var b sample.Box
				b.Init(t.Bytes, t.Pos)
				sum += len(b.Label())
				point(b.Corner(nil))
			case sample.ThingNode:
				var c sample.Node
				c.Init(t.Bytes, t.Pos)
				node(&c)
			}
		}
	}
	root := sample.GetRootAsNode(buf, 0)
	node(root)
	root.UnPack()
	return sum
}

func TestWellFormedMessagesPass(t *testing.T) {
	for name, buf := range map[string][]byte{"full": full(), "empty": pack(&sample.NodeT{})} {
		if err := wire.Verify(&sample.NodeSchema, buf); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		touch(buf)
	}
}

// Whatever passes can be read.
func safe(t *testing.T, buf []byte) {
	t.Helper()
	if err := wire.Verify(&sample.NodeSchema, buf); err != nil {
		if !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("error of another kind: %v", err)
		}
		return
	}
	touch(buf)
	walk(&sample.NodeSchema, buf)
	if _, err := wire.Text(&sample.NodeSchema, buf); err != nil {
		t.Error(err)
	}
}

func TestText(t *testing.T) {
	lines, err := wire.Text(&sample.NodeSchema, full())
	if err != nil {
		t.Fatal(err)
	}
	all := "\n" + strings.Join(lines, "\n") + "\n"
	for _, want := range []string{".id = 1", ".title = \"title\"", ".bytes = 010203", ".words[1] = 8", ".names[2] = \"bc\"",
		".leaf.weight = 1.5", ".children[0].thing.label = \"box\"", ".thing.name = \"leaf\""} {
		if !strings.Contains(all, "\n"+want+"\n") {
			t.Errorf("no line %s in %s", want, all)
		}
	}
}

// Every byte of a message, set to every value, and every length.
func TestEveryDamagedByte(t *testing.T) {
	good := full()
	refused := 0
	for i := range good {
		for v := range 256 {
			buf := append([]byte(nil), good...)
			buf[i] = byte(v)
			safe(t, buf)
			if wire.Verify(&sample.NodeSchema, buf) != nil {
				refused++
			}
		}
	}
	if refused < 10000 {
		t.Errorf("only %d of %d damaged messages were refused", refused, 256*len(good))
	}
	for n := range good {
		safe(t, good[:n:n])
		// The last bytes are padding.
		if n <= len(good)-4 && wire.Verify(&sample.NodeSchema, good[:n:n]) == nil {
			t.Errorf("%d of %d bytes passed", n, len(good))
		}
	}
}

// build makes a message from words of 16 bits: a table by hand.
func build(root uint32, words ...uint16) []byte {
	b := binary.LittleEndian.AppendUint32(nil, root)
	b = append(b, "SMPL"...)
	for _, w := range words {
		b = binary.LittleEndian.AppendUint16(b, w)
	}
	return b
}

func TestRefusals(t *testing.T) {
	deep := &sample.NodeT{}
	for range wire.MaxDepth {
		deep = &sample.NodeT{Children: []*sample.NodeT{deep}}
	}
	shared := flatbuffers.NewBuilder(1024) // each table refers to the one below it many times
	sample.NodeStart(shared)
	below := sample.NodeEnd(shared)
	for range 12 {
		sample.NodeStartChildrenVector(shared, 30)
		for range 30 {
			shared.PrependUOffsetT(below)
		}
		v := shared.EndVector(30)
		sample.NodeStart(shared)
		sample.NodeAddChildren(shared, v)
		below = sample.NodeEnd(shared)
	}
	shared.FinishWithFileIdentifier(below, []byte("SMPL"))

	noName := flatbuffers.NewBuilder(64)
	sample.LeafStart(noName)
	leaf := sample.LeafEnd(noName)
	sample.NodeStart(noName)
	sample.NodeAddLeaf(noName, leaf)
	noName.FinishWithFileIdentifier(sample.NodeEnd(noName), []byte("SMPL"))

	noType := flatbuffers.NewBuilder(64)
	sample.NodeStart(noType)
	node := sample.NodeEnd(noType)
	sample.NodeStart(noType)
	sample.NodeAddThing(noType, node)
	noType.FinishWithFileIdentifier(sample.NodeEnd(noType), []byte("SMPL"))

	cycle := build(16, 4, 4, 0, 0, 8, 0, 0, 0) // filled below
	for _, c := range []struct {
		name string
		buf  []byte
		why  string
	}{
		{"nothing", nil, "bytes"},
		{"other identifier", append([]byte{8, 0, 0, 0}, "ELSE\x00\x00\x00\x00"...), "identifier"},
		{"root past the end", build(4096), "table outside"},
		{"root before itself", build(0), "offset out of range"},
		{"root not aligned", build(10, 0, 0, 0, 0), "not aligned"},
		{"vtable before the message", build(8, 100, 0, 0, 0), "vtable outside"},
		{"vtable past the end", build(8, 0, 0x8000, 0, 0), "vtable outside"},
		{"vtable too long", build(12, 200, 4, 4, 0), "vtable of a bad size"},
		{"vtable too short", build(12, 2, 4, 4, 0), "vtable of a bad size"},
		{"field past the end", build(16, 6, 8, 400, 0, 8, 0, 0, 0), "field id outside"},
		{"required field", noName.FinishedBytes(), "required field name"},
		{"union without type", noType.FinishedBytes(), "union thing without a type"},
		{"too deep", pack(deep), "too deeply"},
		{"more references than bytes", shared.FinishedBytes(), "more offsets than bytes"},
		{"own vtable", cycle, ""},
	} {
		err := wire.Verify(&sample.NodeSchema, c.buf)
		if c.why == "" {
			safe(t, c.buf)
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", c.name, err, c.why)
		}
	}
}

// Go's builder gives two tables whose fields have the same offsets one vtable, with
// the size of the first, even when the second is longer.
func TestSharedVtables(t *testing.T) {
	b := flatbuffers.NewBuilder(64)
	name := b.CreateString("n")
	sample.BoxStart(b) // one field of 4 bytes
	sample.BoxAddLabel(b, name)
	box := sample.BoxEnd(b)
	sample.LeafStart(b)
	sample.LeafAddName(b, name)
	leaf := sample.LeafEnd(b)
	sample.NodeStart(b)
	sample.NodeAddLeaf(b, leaf)
	sample.NodeAddThing(b, box)
	sample.NodeAddThingType(b, sample.ThingBox)
	b.FinishWithFileIdentifier(sample.NodeEnd(b), []byte("SMPL"))
	if err := wire.Verify(&sample.NodeSchema, b.FinishedBytes()); err != nil {
		t.Error(err)
	}
}

// A string that runs past the end, a vector whose size overflows.
func TestLengths(t *testing.T) {
	good := full()
	for _, target := range []string{"title", "bc", "box"} {
		at := strings.Index(string(good), target)
		if at < 4 {
			t.Fatal(target)
		}
		for _, n := range []uint32{0xffffffff, 0x7fffffff, 0x40000000, uint32(len(good)), uint32(len(target) - 1)} {
			buf := append([]byte(nil), good...)
			binary.LittleEndian.PutUint32(buf[at-4:], n)
			if wire.Verify(&sample.NodeSchema, buf) == nil {
				t.Errorf("%s with length %#x passed", target, n)
			}
		}
	}
}

// A message from a newer peer has fields and union members that we do not know.
func TestNewerSchemasPass(t *testing.T) {
	old := sample.NodeSchema
	old.Objects = append([]wire.ObjectType(nil), old.Objects...)
	for i := range old.Objects {
		if !old.Objects[i].Struct && i == old.Root {
			old.Objects[i].Fields = old.Objects[i].Fields[:4]
		}
	}
	if err := wire.Verify(&old, full()); err != nil {
		t.Error(err)
	}
	old = sample.NodeSchema
	old.Unions = make([]wire.UnionVariants, len(old.Unions))
	if err := wire.Verify(&old, full()); err != nil {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(full())
	f.Add(pack(&sample.NodeT{}))
	f.Fuzz(func(t *testing.T, buf []byte) { safe(t, buf) })
}

func BenchmarkVerify(b *testing.B) {
	buf := full()
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if err := wire.Verify(&sample.NodeSchema, buf); err != nil {
			b.Fatal(err)
		}
	}
}
