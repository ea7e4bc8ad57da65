package console

import "starling/ipc"

// Client is a client's end of the wire. It keeps nothing: everything is asked anew.
type Client struct {
	Transport ipc.Transport
	Endpoint  ipc.Handle // capability to call the console
}

// Write offers p to a channel and returns how many bytes were accepted. Fewer
// than offered means that SpaceBit will be notified once there is room.
func (c *Client) Write(channel Channel, p []byte) (int, State, error) {
	done := 0
	for {
		buf := c.Transport.Buffer()
		n := copy(buf[RequestSize:ipc.MessageLimit], p[done:])
		s, _, err := c.call(putRequest(buf, OpWrite, channel, n, 0, n))
		if err != nil {
			return done, s, err
		}
		accepted := min(max(s.Length, 0), n)
		done += accepted
		if accepted < n || done == len(p) {
			return done, s, nil
		}
	}
}

// Read takes input into p and returns how many bytes. 0 without End in the
// state's flags means that InputBit will be notified once there is some.
func (c *Client) Read(channel Channel, p []byte) (int, State, error) {
	done := 0
	for {
		buf := c.Transport.Buffer()
		want := min(len(p)-done, MaxData)
		s, data, err := c.call(putRequest(buf, OpRead, channel, want, 0, 0))
		if err != nil {
			return done, s, err
		}
		n := copy(p[done:], data)
		done += n
		if n < want || done == len(p) {
			return done, s, nil
		}
	}
}

// Status asks for the state of a channel.
func (c *Client) Status(channel Channel) (State, error) {
	s, _, err := c.call(putRequest(c.Transport.Buffer(), OpStatus, channel, 0, 0, 0))
	return s, err
}

// InputEnd tells the console that a channel's input ends after total bytes,
// counted from the start of the machine.
func (c *Client) InputEnd(channel Channel, total uint64) (State, error) {
	s, _, err := c.call(putRequest(c.Transport.Buffer(), OpInputEnd, channel, 0, total, 0))
	return s, err
}

// Window tells the console the size of the terminal's window.
func (c *Client) Window(channel Channel, rows, columns uint16) (State, error) {
	value := uint64(rows)<<16 | uint64(columns)
	s, _, err := c.call(putRequest(c.Transport.Buffer(), OpWindow, channel, 0, value, 0))
	return s, err
}

func (c *Client) call(n int) (State, []byte, error) {
	n, _, err := c.Transport.Call(c.Endpoint, n, 0)
	if err != nil {
		return State{}, nil, err
	}
	s, data, ok := parseAnswer(c.Transport.Buffer(), n)
	if !ok {
		return State{}, nil, ipc.ErrTruncated
	}
	if s.Status != OK {
		return s, nil, ipc.ErrInvalid
	}
	return s, data, nil
}
