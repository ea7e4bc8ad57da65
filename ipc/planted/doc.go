// Package planted has a constant for each fault of the programmer that the fault campaign has to find. All are false
// and cost nothing; the build tag starling_bug_NAME makes one true. test/faults builds each and expects
// it to be found.
package planted
