// Package faults runs scenarios of test/sim on machines where something goes wrong, and checks what must hold
// all the same.
//
// A Case is a scenario, a seed of the schedule, and a plan of faults. Each case runs on a machine of its own, beside a
// bystander that no fault strikes, under a warden that ends what has not ended by itself. The
// same case gives the same run, message by message, and so the same hash. A Campaign makes cases until every
// fault has struck every message, and then goes on.
package faults
