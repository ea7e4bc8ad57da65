package microkernel

import (
	"starling/arch/cpu"
	"starling/ipc"
)

// space is an address space.
type space struct {
	header
	table   cpu.PageTable
	dead    bool
	threads *thread
}

func (k *kernel) newSpace() (*space, ipc.Error) {
	sp := k.spaces.take(&k.pool)
	if sp == nil {
		return nil, ipc.ErrMemory
	}
	table, ok := cpu.NewPageTable(&k.pool)
	if !ok {
		k.spaces.give(sp)
		return nil, ipc.ErrMemory
	}
	*sp = space{header: header{refs: 1}, table: table}
	return sp, 0
}

// dropSpace frees what nothing refers to any more.
func (k *kernel) dropSpace(sp *space) {
	if sp.refs > 0 {
		return
	}
	if !sp.dead {
		sp.dead = true
		sp.table.Destroy(&k.pool)
	}
	k.spaces.give(sp)
}

// userRange checks that pages from va on are addresses of ring 3.
func userRange(va, pages uint64) bool {
	const limit = cpu.UserLimit / cpu.PageSize
	return va%cpu.PageSize == 0 && va < cpu.UserLimit && pages > 0 && pages <= limit-va/cpu.PageSize
}

const accessAll = uint64(ipc.Read | ipc.Write | ipc.Execute)

func rights(access uint64, m *memory) cpu.Rights {
	return cpu.Rights{Write: access&uint64(ipc.Write) != 0, Execute: access&uint64(ipc.Execute) != 0, Device: m.device}
}

// changed turns the result of a page-table change into a status.
func changed(r cpu.Result) ipc.Error {
	switch r {
	case cpu.NoMemory:
		return ipc.ErrMemory
	case cpu.IsLarge:
		return ipc.ErrState
	}
	return 0
}

func (k *kernel) callSpaceCreate(t *thread, c *capability) ipc.Error {
	sp, err := k.newSpace()
	if err != 0 {
		return err
	}
	return k.give(t, capability{kind: capSpace, object: pointer(sp)})
}

// callSpaceDestroy ends a space with its threads. The capability keeps it from being freed before its time.
func (k *kernel) callSpaceDestroy(t *thread, c *capability) ipc.Error {
	sp := c.space()
	if t.space == sp {
		return ipc.ErrState
	}
	for sp.threads != nil {
		k.destroyThread(sp.threads)
	}
	sp.dead = true
	sp.table.Destroy(&k.pool)
	return 0
}

// callMap maps single pages as listed in the message buffer.
func (k *kernel) callMap(t *thread, c *capability) ipc.Error {
	sp := c.space()
	from, err := k.find(t, t.Argument(2), capMemory, 0)
	if err != 0 {
		return err
	}
	m := from.memory()
	va, count := t.Argument(1), t.Argument(3)
	if count > ipc.MessageSize/8 || !userRange(va, count) {
		return ipc.ErrInvalid
	}
	list := (*[ipc.MessageSize / 8]uint64)(pointer(t.server.buffer))[:count]
	size := m.pages * cpu.PageSize
	var leaf cpu.Leaf
	leafEnd := uint64(0)
	for i, e := range list {
		at := va + uint64(i)*cpu.PageSize
		if e == 0 {
			continue
		}
		offset, access := e&^(cpu.PageSize-1), e&(cpu.PageSize-1)
		if offset >= size || access == 0 || access&^accessAll != 0 {
			return ipc.ErrInvalid
		}
		if at >= leafEnd {
			var r cpu.Result
			if leaf, r = sp.table.Leaf(at, &k.pool); r != cpu.Done {
				return changed(r)
			}
			leafEnd = (at/(cpu.LeafPages*cpu.PageSize) + 1) * cpu.LeafPages * cpu.PageSize
		}
		m.mapped = true
		leaf.Set(at, m.base+offset, rights(access, m))
	}
	return 0
}

func (k *kernel) callMapRange(t *thread, c *capability) ipc.Error {
	from, err := k.find(t, t.Argument(2), capMemory, 0)
	if err != 0 {
		return err
	}
	m := from.memory()
	va, offset, pages, access := t.Argument(1), t.Argument(3), t.Argument(4), t.Argument(5)
	if !userRange(va, pages) || offset%cpu.PageSize != 0 || access == 0 || access&^accessAll != 0 ||
		pages > m.pages || offset/cpu.PageSize > m.pages-pages {
		return ipc.ErrInvalid
	}
	m.mapped = true
	return changed(c.space().table.MapRange(va, m.base+offset, pages, rights(access, m), &k.pool))
}

func (k *kernel) callUnmap(t *thread, c *capability) ipc.Error {
	va, pages := t.Argument(1), t.Argument(2)
	if !userRange(va, pages) {
		return ipc.ErrInvalid
	}
	return changed(c.space().table.Unmap(va, pages, &k.pool))
}

func (k *kernel) callProtect(t *thread, c *capability) ipc.Error {
	table := c.space().table
	va, pages, drop := t.Argument(1), t.Argument(2), t.Argument(3)
	if !userRange(va, pages) || drop == 0 || drop&^accessAll != 0 {
		return ipc.ErrInvalid
	}
	if drop&uint64(ipc.Read) != 0 {
		return changed(table.Unmap(va, pages, &k.pool))
	}
	return changed(table.Restrict(va, pages, drop&uint64(ipc.Write) != 0, drop&uint64(ipc.Execute) != 0, &k.pool))
}

func (k *kernel) callMemorySplit(t *thread, c *capability) ipc.Error {
	m, pages := c.memory(), t.Argument(1)
	switch {
	case m.mapped:
		return ipc.ErrState
	case pages == 0 || pages >= m.pages:
		return ipc.ErrInvalid
	}
	part, err := k.newMemory(m.base+(m.pages-pages)*cpu.PageSize, pages)
	if err != 0 {
		return err
	}
	part.device = m.device
	if err := k.give(t, capability{kind: capMemory, object: pointer(part)}); err != 0 {
		return err
	}
	m.pages -= pages
	return 0
}

func (k *kernel) callMemoryInfo(t *thread, c *capability) ipc.Error {
	m := c.memory()
	t.SetResults(0, m.base, m.pages)
	return 0
}

func (k *kernel) callMemoryGrant(t *thread, c *capability) ipc.Error {
	m, pages := c.memory(), t.Argument(1)
	switch {
	case m.mapped || m.device:
		return ipc.ErrState
	case pages == 0 || pages > m.pages:
		return ipc.ErrInvalid
	}
	m.pages -= pages
	m.dead = m.pages == 0
	k.pool.grant(m.base+m.pages*cpu.PageSize, pages)
	return 0
}
