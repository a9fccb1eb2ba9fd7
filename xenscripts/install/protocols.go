package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// protocols is where ip(8) learns the name of our routes' protocol.
	protocols     = "/etc/iproute2/rt_protos.d/vifctl.conf"
	protocolsText = "118\tvifctl\n"
)

func wantProtocols() bool {
	if _, err := os.Stat(filepath.Dir(protocols)); err != nil {
		return false
	}
	_, err := os.Lstat(protocols)
	return errors.Is(err, fs.ErrNotExist)
}
