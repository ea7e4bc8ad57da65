// Package architecture checks what docs/design.md says must stay true of the
// source tree: who may import whom, how large the kernel may become, that only
// arch knows the processor, that servers which must be deterministic are, that
// generated files are fresh, and that nothing of the machine it was written on
// is left in it. There is no code here but tests.
package architecture
