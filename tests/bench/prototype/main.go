// Command prototype does the least that a hotplug script written in Go could do: it reads ten keys of a backend, looks
// one interface up, brings it up, and writes one key. It checks nothing, remembers nothing and can undo nothing.
//
//	prototype BACKEND INTERFACE
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/vishvananda/netlink"
)

// Requests of the xenstore protocol (xen/include/public/io/xs_wire.h).
const (
	typeRead  = 2
	typeWrite = 11
)

var keys = []string{"frontend", "frontend-id", "script", "vifname", "mac", "ip", "bridge", "handle", "type", "mtu"}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "prototype:", err)
		os.Exit(1)
	}
}

func run(backend, device string) error {
	store, err := net.Dial("unix", "/run/xenstored/socket")
	if err != nil {
		return err
	}
	var questions []byte
	for _, key := range keys {
		questions = append(questions, frame(typeRead, backend+"/"+key+"\x00")...)
	}
	if err := ask(store, questions, len(keys)); err != nil {
		return err
	}
	kernel, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	link, err := kernel.LinkByName(device)
	if err != nil {
		return err
	}
	if err := kernel.LinkSetUp(link); err != nil {
		return err
	}
	return ask(store, frame(typeWrite, backend+"/hotplug-status\x00connected"), 1)
}

// frame is a header of four words (type, request, transaction, length) and a payload.
func frame(kind uint32, payload string) []byte {
	var header [16]byte
	binary.LittleEndian.PutUint32(header[:], kind)
	binary.LittleEndian.PutUint32(header[12:], uint32(len(payload)))
	return append(header[:], payload...)
}

// ask sends questions and reads the answers, whatever they are.
func ask(store io.ReadWriter, questions []byte, answers int) error {
	if _, err := store.Write(questions); err != nil {
		return err
	}
	in := bufio.NewReader(store)
	for range answers {
		var header [16]byte
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return err
		}
		if _, err := in.Discard(int(binary.LittleEndian.Uint32(header[12:]))); err != nil {
			return err
		}
	}
	return nil
}
