// Package wire is the xenstore protocol as bytes: frames, paths and error names, shared by the client and the embedded
// server. It never opens a connection. The source of every number here is xen/include/public/io/xs_wire.h.
package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Type is what a frame asks or answers.
type Type uint32

// The types in use. An answer carries its request's type, or TypeError.
const (
	TypeDirectory          Type = 1
	TypeRead               Type = 2
	TypeGetPerms           Type = 3
	TypeWatch              Type = 4
	TypeUnwatch            Type = 5
	TypeTransactionStart   Type = 6
	TypeTransactionEnd     Type = 7
	TypeIntroduce          Type = 8
	TypeRelease            Type = 9
	TypeGetDomainPath      Type = 10
	TypeWrite              Type = 11
	TypeMkdir              Type = 12
	TypeRemove             Type = 13
	TypeSetPerms           Type = 14
	TypeWatchEvent         Type = 15
	TypeError              Type = 16
	TypeIsDomainIntroduced Type = 17
	TypeDirectoryPart      Type = 22
)

const (
	// HeaderSize is a frame's fixed part, in bytes.
	HeaderSize = 16
	// MaxPayload is the most a frame carries after its header, in bytes. A peer that announces more is cut off.
	MaxPayload = 4096
)

// ErrOversize says that a header announced more than MaxPayload.
var ErrOversize = errors.New("frame longer than the protocol allows")

// Header begins every frame, in the byte order of the machine, which is little-endian on everything Xen's toolstack runs on.
type Header struct {
	Type Type
	// RequestID is the client's to choose and comes back in the answer; watch events carry 0.
	RequestID uint32
	// TxID is 0 outside a transaction.
	TxID uint32
	// Len is the payload's, in bytes.
	Len uint32
}

// AppendFrame appends a frame made of the header and the payload's parts, and sets the header's length itself.
// The caller has checked that the parts fit in MaxPayload.
func AppendFrame(dst []byte, h Header, parts ...string) []byte {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.Type))
	dst = binary.LittleEndian.AppendUint32(dst, h.RequestID)
	dst = binary.LittleEndian.AppendUint32(dst, h.TxID)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	for _, part := range parts {
		dst = append(dst, part...)
	}
	return dst
}

// ReadFrame reads one frame into buf and returns its payload as a part of buf, valid until the next call.
// io.EOF means that the peer left between two frames; a frame cut short is io.ErrUnexpectedEOF.
// It reads nothing beyond the frame, and no payload at all of one that is too long (ErrOversize).
func ReadFrame(r io.Reader, buf *[MaxPayload]byte) (Header, []byte, error) {
	raw := buf[:HeaderSize]
	if _, err := io.ReadFull(r, raw); err != nil {
		return Header{}, nil, err
	}
	h, err := header(raw)
	if err != nil {
		return h, nil, err
	}
	payload := buf[:h.Len]
	if _, err := io.ReadFull(r, payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return h, nil, err
	}
	return h, payload, nil
}

// NextFrame is ReadFrame for a reader whose buffer holds a whole frame: whatever its error, what has come of a frame is
// not lost, so that after a deadline it can be called again.
func NextFrame(r *bufio.Reader) (Header, string, error) {
	raw, err := r.Peek(HeaderSize)
	if errors.Is(err, io.EOF) && len(raw) > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Header{}, "", err
	}
	h, err := header(raw)
	if err != nil {
		return h, "", err
	}
	frame, err := r.Peek(HeaderSize + int(h.Len))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return h, "", err
	}
	payload := string(frame[HeaderSize:])
	_, err = r.Discard(len(frame))
	return h, payload, err
}

func header(raw []byte) (Header, error) {
	h := Header{
		Type:      Type(binary.LittleEndian.Uint32(raw[0:])),
		RequestID: binary.LittleEndian.Uint32(raw[4:]),
		TxID:      binary.LittleEndian.Uint32(raw[8:]),
		Len:       binary.LittleEndian.Uint32(raw[12:]),
	}
	if h.Len > MaxPayload {
		return h, fmt.Errorf("%w: %d bytes announced, %d at most", ErrOversize, h.Len, MaxPayload)
	}
	return h, nil
}
