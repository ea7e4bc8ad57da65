package task

import "starling/personality/cred"

// SetCred gives a thread new credentials. A process that can do what it could not do before, or is
// somebody else now, holds secrets: it is not dumpable any more, and the wish to be told of its
// parent's end is forgotten (commit_creds of Linux's kernel/cred.c).
func (t *Thread) SetCred(n *cred.Cred) {
	o := t.Cred
	if o.EUID != n.EUID || o.EGID != n.EGID || o.FSUID != n.FSUID || o.FSGID != n.FSGID || n.Permitted&^o.Permitted != 0 {
		if t.MM != nil {
			t.MM.Dumpable = 0
		}
		t.ParentDeathSignal = 0
	}
	t.Cred = n
}
