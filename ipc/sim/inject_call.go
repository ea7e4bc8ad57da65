package sim

import (
	"bytes"

	"starling/ipc"
	"starling/ipc/envelope"
	"starling/ipc/fault"
)

// call is exchange with what the injector does to request and answer.
func (l *lab) call(tr *Transport, ep *endpoint, badge uint64) (int, ipc.Handle, error) {
	k, to := l.k, ep.receiver.name
	body, _, _, _ := envelope.Open(tr.message[:], tr.length)
	op := fault.Operation(to, tr.message[:body])
	wire := tr.name + ">" + to
	request := bytes.Clone(tr.message[:tr.length])
	r := l.Next(fault.Find(wire, op))
	before := l.previous[wire]
	l.previous[wire] = request
	again := func(message []byte) { // the message arrives once more, and nobody hears the answer
		tr.length = copy(tr.message[:], message)
		_, got, _ := tr.exchange(ep, badge)
		tr.Forget(got)
	}
	if r != nil {
		switch r.Kind {
		case fault.Drop:
			k.now += lossTime
			return 0, 0, nil
		case fault.Delay:
			k.now += delay(r)
		case fault.Duplicate:
			n, got, err := tr.exchange(ep, badge)
			answer := bytes.Clone(tr.message[:n])
			again(request)
			copy(tr.message[:], answer)
			return n, got, err
		case fault.Reorder:
			if before == nil {
				l.Spare(r)
				break
			}
			again(before)
			tr.length = copy(tr.message[:], request)
		case fault.CrashBefore, fault.HangBefore:
			l.crash(r, to)
			return 0, 0, ipc.ErrGone
		case fault.CrashAfter, fault.HangAfter:
			again(request)
			l.crash(r, to)
			return 0, 0, ipc.ErrGone
		default:
			tr.length = r.Damage(tr.message[:], tr.length)
		}
	}
	n, got, err := tr.exchange(ep, badge)
	if err != nil {
		return 0, 0, err
	}
	return l.answer(tr, ep, wire, op, n, got)
}

// crash ends a server, at once or when it is found to stand still.
func (l *lab) crash(r *fault.Rule, server string) {
	hang := r.Kind == fault.HangBefore || r.Kind == fault.HangAfter
	if hang {
		l.k.now += hangTime
	}
	l.hooks.Crash(server, hang)
}

// answer is what the injector does to an answer of n bytes, with the capability got, that waits in tr.message.
func (l *lab) answer(tr *Transport, ep *endpoint, wire, op string, n int, got ipc.Handle) (int, ipc.Handle, error) {
	r := l.Next(fault.Find(wire, op+"-answer"))
	key := wire + " answer"
	before := l.previous[key]
	l.previous[key] = bytes.Clone(tr.message[:n])
	if r == nil {
		return n, got, nil
	}
	switch r.Kind {
	case fault.Drop:
		tr.Forget(got)
		l.k.now += lossTime
		return 0, 0, nil
	case fault.Delay:
		l.k.now += delay(r)
	case fault.Reorder:
		if before == nil {
			l.Spare(r)
			break
		}
		tr.Forget(got)
		return copy(tr.message[:], before), 0, nil
	case fault.DoubleReply:
		if err := ep.receiver.answerOnce(tr.thread.Token(), 0, 0); err != ipc.ErrStale {
			l.violation("the kernel took a second answer of %s: %v", ep.receiver.name, err)
		}
	default:
		n = r.Damage(tr.message[:], n)
	}
	return n, got, nil
}
