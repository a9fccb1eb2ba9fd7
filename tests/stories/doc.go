// Package stories tells what an operator sees of vifctl, one behaviour a file: testdata/*.txtar are testscripts whose words
// are those of a dom0 (dom0, guest, call, hotplug, ping, …), each carried out in a pretend dom0 of its own.
//
// The words are explained at the functions that carry them out, words*.go.
package stories
