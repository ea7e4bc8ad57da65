package wire_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"

	"starling/ipc/wire"
	"starling/ipc/wire/sample"
)

var codec = wire.NewCodec[sample.RecordT](&sample.RecordSchema)

// record is an object that has every kind of field but unions, n times itself below.
func record(n int) *sample.RecordT {
	r := &sample.RecordT{
		Id: uint32(n + 1), Flag: n%2 == 0, Color: sample.ColorBlue, Title: "title", Key: "key", Small: -3, Large: -1 << 40, Weight: 1.5,
		At: &sample.PointT{X: -4, Y: 5, Z: 6}, Bytes: []byte{1, 2, 3}, Words: []uint64{7, 8}, Shorts: []int16{-1, 2}, Flags: []bool{true, false},
		Points: []*sample.PointT{{X: 9}, {Y: 10}}, Names: []string{"", "a", "bc"}, Leaf: &sample.LeafT{Name: "leaf", Weight: 1.5},
	}
	for i := range n {
		r.Children = append(r.Children, record(i), &sample.RecordT{Id: uint32(i), Key: "k"})
	}
	return r
}

// flatcs is what flatc's own code makes of an object and of a message.
func flatcs(r *sample.RecordT) []byte {
	b := flatbuffers.NewBuilder(256)
	b.FinishWithFileIdentifier(r.Pack(b), []byte("RCRD"))
	return b.FinishedBytes()
}

// The codec and flatc's own code understand each other, whoever writes.
func TestCodecAgreesWithFlatc(t *testing.T) {
	for _, want := range []*sample.RecordT{record(0), record(3), record(7), {Key: "k"}, {}} {
		ours := codec.Encode(want)
		if err := wire.Verify(&sample.RecordSchema, ours); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, codec.Encode(want)) {
			t.Error("two messages of one object differ")
		}
		read := sample.GetRootAsRecord(ours, 0).UnPack()
		for name, buf := range map[string][]byte{"ours": ours, "flatc's": flatcs(want), "ours, read by flatc": codec.Encode(read)} {
			got, err := codec.Decode(buf)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
			}
			if a, b := codec.Sum(got, codec.Known()), codec.Sum(want, codec.Known()); a.Digest != b.Digest || a.Lost != nil {
				t.Errorf("%s: %+v, want %+v", name, a, b)
			}
		}
	}
}

// Every change of an object changes its digest.
func TestDigestSeesEveryField(t *testing.T) {
	seen := map[uint64]string{codec.Sum(record(1), codec.Known()).Digest: "nothing"}
	for name, change := range map[string]func(*sample.RecordT){
		"id": func(r *sample.RecordT) { r.Id++ }, "flag": func(r *sample.RecordT) { r.Flag = !r.Flag }, "color": func(r *sample.RecordT) { r.Color = sample.ColorRed },
		"title": func(r *sample.RecordT) { r.Title = "titlf" }, "shorter title": func(r *sample.RecordT) { r.Title = "titl" },
		"small": func(r *sample.RecordT) { r.Small = 0 }, "large": func(r *sample.RecordT) { r.Large++ }, "weight": func(r *sample.RecordT) { r.Weight = 2 },
		"point": func(r *sample.RecordT) { r.At.Y = 0 }, "no point": func(r *sample.RecordT) { r.At = nil }, "bytes": func(r *sample.RecordT) { r.Bytes[2] = 0 },
		"fewer bytes": func(r *sample.RecordT) { r.Bytes = r.Bytes[:2] }, "words": func(r *sample.RecordT) { slices.Reverse(r.Words) },
		"shorts": func(r *sample.RecordT) { r.Shorts[0] = 1 }, "flags": func(r *sample.RecordT) { r.Flags[1] = true },
		"points": func(r *sample.RecordT) { slices.Reverse(r.Points) }, "names": func(r *sample.RecordT) { r.Names = r.Names[1:] },
		"leaf": func(r *sample.RecordT) { r.Leaf.Weight = 0 }, "child": func(r *sample.RecordT) { r.Children[0].Leaf = nil },
		"children": func(r *sample.RecordT) { r.Children = r.Children[:1] },
	} {
		r := record(1)
		change(r)
		d := codec.Sum(r, codec.Known()).Digest
		if other, ok := seen[d]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[d] = name
	}
}

// without is a schema that lacks a field, and retired one that has given it up.
func without(field string, retire bool) *wire.Schema {
	s := sample.RecordSchema
	s.Objects = slices.Clone(s.Objects)
	o := &s.Objects[s.Root]
	i := slices.IndexFunc(o.Fields, func(f wire.Field) bool { return f.Name == field })
	o.Fields = slices.Clone(o.Fields)
	if o.Fields[i].Deprecated = retire; !retire {
		o.Fields = slices.Delete(o.Fields, i, i+1)
	}
	return &s
}

// Of two builds, what the other has never heard of is lost, unless it is empty or
// expendable; what it has given up is not.
func TestSumForAnotherBuild(t *testing.T) {
	r := record(2)
	same := codec.Sum(r, codec.Known())
	if same.Lost != nil || same.Records == 0 {
		t.Errorf("%+v", same)
	}
	for _, c := range []struct {
		peer   *wire.Schema
		lost   []string
		change func(*sample.RecordT) // of what the peer does not use
	}{
		{without("title", false), []string{"sample.Record.title"}, func(r *sample.RecordT) { r.Title = "other" }},
		{without("title", true), nil, func(r *sample.RecordT) { r.Children[0].Title = "" }},
		{without("spare", false), nil, func(r *sample.RecordT) { r.Spare = 1 }},     // empty
		{without("fashion", false), nil, func(r *sample.RecordT) { r.Fashion = 0 }}, // expendable
		{without("children", false), []string{"sample.Record.children"}, func(r *sample.RecordT) { r.Children = nil }},
		{&wire.Schema{Objects: []wire.ObjectType{{Name: "sample.Record"}}}, nil, nil},
	} {
		r.Fashion = 7
		got := codec.Sum(r, c.peer.Known())
		if c.lost == nil && len(c.peer.Objects) == 1 {
			if len(got.Lost) < 15 {
				t.Errorf("a build that knows nothing loses only %q", got.Lost)
			}
			continue
		}
		if !slices.Equal(got.Lost, c.lost) {
			t.Errorf("lost %q, want %q", got.Lost, c.lost)
		}
		// What only one of them uses is not in the digest, everything else is.
		other := record(2)
		other.Fashion = 7
		if c.change(other); codec.Sum(other, c.peer.Known()).Digest != got.Digest {
			t.Error("the digest is not of what both know")
		}
		other.Id++
		if codec.Sum(other, c.peer.Known()).Digest == got.Digest {
			t.Error("a change goes unseen")
		}
	}
}

// Damage in a message so large that layouts are remembered: what passes can be read.
func TestDamageInLargeMessages(t *testing.T) {
	good := codec.Encode(record(3))
	for i := range good {
		for _, v := range []byte{0, 1, 3, 8, 0x7f, 0xff, good[i] + 4, good[i] - 4} {
			buf := bytes.Clone(good)
			buf[i] = v
			if wire.Verify(&sample.RecordSchema, buf) != nil {
				continue
			}
			walk(&sample.RecordSchema, buf)
			if r, err := codec.Decode(buf); err != nil {
				t.Fatal(err)
			} else {
				codec.Encode(r)
			}
		}
	}
}

func FuzzCodec(f *testing.F) {
	f.Add(codec.Encode(record(2)))
	f.Add(flatcs(record(1)))
	f.Fuzz(func(t *testing.T, buf []byte) {
		r, err := codec.Decode(buf)
		if err != nil {
			return
		}
		walk(&sample.RecordSchema, buf)
		sum := codec.Sum(r, codec.Known())
		again, err := codec.Decode(codec.Encode(r))
		if err != nil || !reflect.DeepEqual(r, again) && !hasNaN(r) || codec.Sum(again, codec.Known()).Digest != sum.Digest {
			t.Errorf("not the same again: %v", err)
		}
	})
}

// hasNaN reports whether an object differs from itself.
func hasNaN(r *sample.RecordT) bool {
	if r.Weight != r.Weight || r.Leaf != nil && r.Leaf.Weight != r.Leaf.Weight {
		return true
	}
	return slices.ContainsFunc(r.Children, hasNaN)
}
