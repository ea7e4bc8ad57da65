//go:build starling_bug_mask

package planted

// Mask: a reply with a result takes all general registers from the frame.
const Mask = true
