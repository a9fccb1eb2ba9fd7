package embedded

import (
	"strconv"
	"strings"
	"syscall"

	"vifctl/hooks/xenstore/internal/wire"
)

// childList is the names as both directory requests send them, each ending in NUL.
func childList(n *node) string {
	if len(n.children) == 0 {
		return ""
	}
	return strings.Join(n.children, "\x00") + "\x00"
}

func (r *call) directory() error {
	_, n, err := r.existing()
	if err != nil {
		return err
	}
	list := childList(n)
	if len(list) > wire.MaxPayload {
		return syscall.E2BIG
	}
	r.reply(list)
	return nil
}

// directoryPart answers with the node's generation and as many whole names as fit, from a byte offset into the list. An
// empty name says that the list ends there.
func (r *call) directoryPart() error {
	if len(r.args) != 2 {
		return syscall.EINVAL
	}
	_, n, err := r.existing()
	if err != nil {
		return err
	}
	offset, err := strconv.Atoi(r.args[1])
	if err != nil || offset < 0 {
		return syscall.EINVAL
	}
	generation := strconv.FormatUint(n.generation, 10) + "\x00"
	list := childList(n)
	if offset >= len(list) {
		r.reply(generation, "\x00")
		return nil
	}
	rest := list[offset:]
	room := wire.MaxPayload - len(generation) - len("\x00")
	if len(rest) <= room {
		r.reply(generation, rest, "\x00")
		return nil
	}
	r.reply(generation, rest[:strings.LastIndexByte(rest[:room], 0)+1])
	return nil
}
