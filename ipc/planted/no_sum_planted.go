//go:build starling_bug_no_sum

package planted

// NoSum: envelopes are opened without looking at the sum.
const NoSum = true
