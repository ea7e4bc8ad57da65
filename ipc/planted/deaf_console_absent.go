//go:build !starling_bug_deaf_console

package planted

// DeafConsole: the console never tells again what nobody heard.
const DeafConsole = false
