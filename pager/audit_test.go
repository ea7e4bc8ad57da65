package pager

import (
	"fmt"

	"starling/pager/table"
)

// audit recounts everything from the trees and regions and compares it with the books.
func (p *Pager) audit() error {
	refs := make([]uint32, len(p.frames))
	nodes := uint64(0)
	var tree func(e table.Entry, levels uint32, leaf func(table.Entry)) error
	tree = func(e table.Entry, levels uint32, leaf func(table.Entry)) error {
		if e == 0 {
			return nil
		}
		if levels == 0 {
			leaf(e)
			return nil
		}
		nodes++
		live := uint32(0)
		for _, c := range p.nodeAt(e) {
			if c != 0 {
				live++
			}
			if err := tree(c, levels-1, leaf); err != nil {
				return err
			}
		}
		if live == 0 || live != p.live(e) {
			return fmt.Errorf("node %#x has %d entries, counted %d", e, live, p.live(e))
		}
		// The frame's word is the node's book.
		refs[(e.Frame()-p.low)>>table.PageShift] = p.frameOf(e.Frame()).refs
		return nil
	}
	hold := func(e table.Entry) {
		if e&table.Image == 0 {
			refs[(e.Frame()-p.low)>>table.PageShift]++
		}
	}
	regions, mappings := uint64(0), make([]uint32, len(p.objects))
	for i := range p.spaces {
		rec, s := &p.spaceRecords[i], &p.spaces[i]
		if rec.ID == 0 {
			continue
		}
		var resident, owned, virtual, count uint64
		err := tree(table.Entry(rec.Root), table.SpaceLevels, func(e table.Entry) {
			resident++
			if e&table.Owned != 0 {
				owned++
			}
			hold(e)
		})
		if err != nil {
			return fmt.Errorf("space %d: %w", i, err)
		}
		last := uint64(0)
		for ri := s.firstRegion; ri != 0; ri = p.regions[ri].next {
			r := &p.regions[ri]
			if r.start >= r.end || r.start < last || int(r.space) != i || p.find(s, r.start) != ri {
				return fmt.Errorf("space %d: region [%#x, %#x) out of order", i, r.start, r.end)
			}
			last = r.end
			virtual += r.end - r.start
			count++
			if r.object != 0 {
				mappings[r.object-1]++
			}
		}
		regions += count
		if resident != rec.Resident || owned != rec.Owned || virtual != rec.Virtual || count != rec.Regions {
			return fmt.Errorf("space %d: published %+v, counted resident %d owned %d virtual %d regions %d",
				i, *rec, resident, owned, virtual, count)
		}
		w := p.walk(p.spaceTree(uint32(i)), 0, table.MaxPages)
		for e := w.first(); e != nil; e = w.next() {
			ri := p.find(s, w.page)
			if ri == 0 {
				return fmt.Errorf("space %d: page %#x outside of all regions", i, w.page)
			}
			if err := p.auditEntry(&p.regions[ri], w.page, *e); err != nil {
				return fmt.Errorf("space %d page %#x: %w", i, w.page, err)
			}
		}
	}
	for i := range p.objects {
		rec := &p.objectRecords[i]
		if rec.ID == 0 {
			continue
		}
		resident := uint64(0)
		err := tree(table.Entry(rec.Root), rec.Levels, func(e table.Entry) { resident++; hold(e) })
		if err != nil {
			return fmt.Errorf("object %d: %w", i, err)
		}
		if resident != rec.Resident || mappings[i] != rec.Mappings || rec.Holders == 0 && rec.Mappings == 0 {
			return fmt.Errorf("object %d: published %+v, counted resident %d mappings %d", i, *rec, resident, mappings[i])
		}
	}
	free := uint64(0)
	for i := range p.frames {
		if p.frames[i].refs != refs[i] {
			return fmt.Errorf("frame %d has %d references, counted %d", i, p.frames[i].refs, refs[i])
		}
	}
	for i := p.freeFrame; i != 0; i = p.frames[i-1].next {
		free++
	}
	if free != p.framesFree || nodes != p.nodesTotal-p.nodesFree || regions != uint64(len(p.regions))-1-p.regionsFree {
		return fmt.Errorf("free frames %d, counted %d; nodes in use %d, counted %d; regions in use %d, counted %d",
			p.framesFree, free, p.nodesTotal-p.nodesFree, nodes, uint64(len(p.regions))-1-p.regionsFree, regions)
	}
	return nil
}

// auditEntry checks an entry against its region and object.
func (p *Pager) auditEntry(r *region, page uint64, e table.Entry) error {
	if e&table.Present == 0 || e&table.Rights&^p.rightsNow(r, e) != 0 || e&table.Rights == 0 && e&table.Mapped != 0 {
		return fmt.Errorf("entry %#x in a region that allows %d", e, r.access)
	}
	if e&table.Owned != 0 {
		return nil
	}
	if r.object == 0 {
		return fmt.Errorf("entry %#x belongs to nobody", e)
	}
	o := p.objectPage(r.object-1, r.offset+page-r.start)
	if o.Frame() != e.Frame() || o == 0 {
		return fmt.Errorf("entry %#x, but the object has %#x", e, o)
	}
	return nil
}
