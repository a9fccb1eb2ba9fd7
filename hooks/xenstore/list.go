package xenstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"vifctl/hooks/xenstore/internal/wire"
)

// maxListing bounds what a daemon can make us collect, in bytes. xenstored's own limit on a guest's node is 2 KiB; 5,000
// guests are some 30 KiB below backend/vif.
const maxListing = 16 << 20

var errListing = errors.New("xenstored answered with a list that makes no sense")

// listInParts fetches the names of more children than one answer holds, part by part (DIRECTORY_PART, xenstored 4.9 and
// later). Each answer is the node's generation, then names from the byte offset asked for; an empty name ends the list.
func (tx *Tx) listInParts(ctx context.Context, path string) ([]string, error) {
	var collected strings.Builder
	generation := ""
	for {
		part, err := tx.request(ctx, "list", wire.TypeDirectoryPart, path, "\x00"+strconv.Itoa(collected.Len())+"\x00")
		if err != nil {
			return nil, err
		}
		seen, names, ok := strings.Cut(part, "\x00")
		if !ok || names == "" || !strings.HasSuffix(names, "\x00") {
			return nil, pathError("list", path, errListing)
		}
		if collected.Len() > 0 && seen != generation { // another client changed the list: the old offsets are void
			collected.Reset()
			generation = ""
			continue
		}
		generation = seen
		last := names == "\x00" || strings.HasSuffix(names, "\x00\x00")
		if last {
			names = names[:len(names)-1]
		}
		collected.WriteString(names)
		if last {
			return wire.Strings(collected.String()), nil
		}
		if collected.Len() > maxListing {
			return nil, pathError("list", path, errListing)
		}
	}
}

func trimNUL(s string) string { return strings.TrimSuffix(s, "\x00") }
