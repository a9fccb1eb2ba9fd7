package kernel

import (
	"encoding/binary"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ErrCutOff says that a message ends in the middle of something.
var ErrCutOff = errors.New("the kernel's message is cut off")

// Attributes hands each struct rtattr of a message's tail to take, which must not
// keep the value.
func Attributes(data []byte, take func(kind uint16, value []byte) error) error {
	for len(data) >= unix.SizeofRtAttr {
		length := int(binary.NativeEndian.Uint16(data))
		if length < unix.SizeofRtAttr || length > len(data) {
			return ErrCutOff
		}
		kind := binary.NativeEndian.Uint16(data[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		if err := take(kind, data[unix.SizeofRtAttr:length]); err != nil {
			return err
		}
		data = data[min(len(data), (length+3)&^3):]
	}
	return nil
}

// word reads a number of 32 bits, 0 where the attribute is too short for one.
func word(value []byte) int {
	if len(value) < 4 {
		return 0
	}
	return int(binary.NativeEndian.Uint32(value))
}

// attr builds one attribute of a request.
func attr(kind int, data []byte) *nl.RtAttr { return nl.NewRtAttr(kind, data) }

// number is an attribute's value of 32 bits.
func number(n int) []byte { return nl.Uint32Attr(uint32(n)) }
