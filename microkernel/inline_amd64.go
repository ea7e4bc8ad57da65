package microkernel

// The compiler inlines through the aliases of arch/cpu only what the package
// imports itself.
import _ "starling/arch/amd64"
