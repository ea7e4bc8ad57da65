//go:build starling_bug_double_reply

package planted

// DoubleReply: the simulated kernel takes an answer to an event that was answered before.
const DoubleReply = true
