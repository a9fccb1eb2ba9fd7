package xenstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"vifctl/hooks/xenstore/internal/wire"
)

// Permission is one entry of a path's permissions. The first entry of a list names the owner, who may do everything, and
// says what every domain without an entry of its own may do; each further entry is about its own domain.
type Permission struct {
	Domid int
	Read  bool
	Write bool
}

// String is the protocol's spelling: n0, r5, w5, b5 (none, read, write, both).
func (p Permission) String() string {
	letter := "n"
	switch {
	case p.Read && p.Write:
		letter = "b"
	case p.Read:
		letter = "r"
	case p.Write:
		letter = "w"
	}
	return letter + strconv.Itoa(p.Domid)
}

// ParsePermission reads the protocol's spelling.
func ParsePermission(text string) (Permission, error) {
	bad := fmt.Errorf("%.40q is no permission: n, r, w or b and a domid are", text)
	if len(text) < 2 || text[1] == '+' || text[1] == '-' {
		return Permission{}, bad
	}
	domid, err := strconv.ParseUint(text[1:], 10, 16)
	if err != nil {
		return Permission{}, bad
	}
	p := Permission{Domid: int(domid)}
	switch text[0] {
	case 'n':
	case 'r':
		p.Read = true
	case 'w':
		p.Write = true
	case 'b':
		p.Read, p.Write = true, true
	default:
		return Permission{}, bad
	}
	return p, nil
}

// Permissions is Client.Permissions inside the transaction.
func (tx *Tx) Permissions(ctx context.Context, path string) ([]Permission, error) {
	payload, err := tx.request(ctx, "read the permissions of", wire.TypeGetPerms, path, "\x00")
	if err != nil {
		return nil, err
	}
	var permissions []Permission
	for _, text := range wire.Strings(payload) {
		p, err := ParsePermission(text)
		if err != nil {
			return nil, pathError("read the permissions of", path, err)
		}
		permissions = append(permissions, p)
	}
	return permissions, nil
}

// SetPermissions is Client.SetPermissions inside the transaction.
func (tx *Tx) SetPermissions(ctx context.Context, path string, permissions ...Permission) error {
	if len(permissions) == 0 {
		return pathError("set the permissions of", path, fmt.Errorf("no owner was given"))
	}
	var rest strings.Builder
	for _, p := range permissions {
		if p.Domid < 0 || p.Domid > maxDomid {
			return pathError("set the permissions of", path, fmt.Errorf("%d is no domid", p.Domid))
		}
		rest.WriteString("\x00" + p.String())
	}
	rest.WriteString("\x00")
	_, err := tx.request(ctx, "set the permissions of", wire.TypeSetPerms, path, rest.String())
	return err
}
