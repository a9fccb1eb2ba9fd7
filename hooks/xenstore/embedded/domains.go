package embedded

import (
	"strconv"
	"syscall"

	"vifctl/hooks/xenstore/internal/wire"
)

// domid is the request's first argument as a number, written without signs or leading zeros.
func (r *call) domid() (string, error) {
	if len(r.args) == 0 {
		return "", syscall.EINVAL
	}
	n, err := strconv.ParseUint(r.args[0], 10, 16)
	if err != nil {
		return "", syscall.EINVAL
	}
	return strconv.FormatUint(n, 10), nil
}

func (r *call) getDomainPath() error {
	domid, err := r.domid()
	if err != nil {
		return err
	}
	r.reply("/local/domain/"+domid, "\x00")
	return nil
}

func (r *call) isDomainIntroduced() error {
	domid, err := r.domid()
	if err != nil {
		return err
	}
	if r.server.introduced[domid] {
		r.reply("T\x00")
	} else {
		r.reply("F\x00")
	}
	return nil
}

// introduce takes a domid, a page and a port; without a hypervisor there is nothing to do with the last two.
func (r *call) introduce() error {
	domid, err := r.domid()
	if err != nil || len(r.args) < 3 {
		return syscall.EINVAL
	}
	if !r.server.introduced[domid] {
		r.server.introduced[domid] = true
		r.server.fire(wire.IntroduceDomain, false)
	}
	r.acknowledge()
	return nil
}

func (r *call) release() error {
	domid, err := r.domid()
	if err != nil || domid == "0" {
		return syscall.EINVAL
	}
	if !r.server.introduced[domid] {
		return syscall.ENOENT
	}
	delete(r.server.introduced, domid)
	r.server.fire(wire.ReleaseDomain, false)
	r.acknowledge()
	return nil
}
