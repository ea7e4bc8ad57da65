// Package sample is a schema with one of everything, for the tests of package wire.
package sample
