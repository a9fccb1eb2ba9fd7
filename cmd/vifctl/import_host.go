package main

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs/handmade"
	"vifctl/hooks/firewall"
	"vifctl/hooks/session"
	"vifctl/hooks/xenstore"
)

// importHost proposes entries for guests whose NAT was made by hand on this host, and says what is
// to be removed then. It changes nothing but the file that --write names.
func (o *importOptions) importHost(ctx context.Context, c *command.Call, files []string) error {
	if o.xend != "" || o.xl != "" {
		return command.Usagef("--xend and --xl are for `config import` of their files, not of the host")
	}
	var h handmade.Host
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return asRoot(err)
		}
		h.Files = append(h.Files, handmade.File{Name: name, Text: string(data)})
	}
	s, err := openHost(ctx, caller(c), false, true)
	if err != nil {
		return err
	}
	defer s.Close()
	saved, err := firewall.SavedTables(ctx)
	if err != nil {
		return err
	}
	for _, t := range saved {
		h.Rules = append(h.Rules, handmade.Rules{Program: t.Program, Text: t.Text})
	}
	host, err := s.Reader.Host()
	if err != nil {
		return err
	}
	if h.Uplink = s.Config.Host.Uplink; h.Uplink == "" {
		h.Uplink = host.Uplink()
	}
	for index, addresses := range host.Addresses {
		for _, a := range addresses {
			h.Addresses = append(h.Addresses, handmade.Address{Dev: host.Links[index].Name, Prefix: a.Prefix})
		}
	}
	slices.SortFunc(h.Addresses, func(a, b handmade.Address) int {
		return strings.Compare(a.Dev+a.Prefix.String(), b.Dev+b.Prefix.String())
	})
	macs := map[netip.Addr]string{}
	for _, n := range host.Neighbours {
		if n.MAC != "" && !n.Failed {
			macs[n.IP] = n.MAC
		}
	}
	if xs, err := session.DialXenstore(ctx); err == nil {
		h.Guests = guestsByAddress(ctx, xs, macs)
		_ = xs.Close()
	}
	r, err := handmade.Import(h)
	if err != nil {
		return err
	}
	return o.tellHost(c, r)
}

func (o *importOptions) tellHost(c *command.Call, r handmade.Result) error {
	if r.Empty() {
		c.Line("# Nothing on this host translates for guests by hand.")
		return nil
	}
	if o.write != "" {
		if err := writeNew(o.write, r.TOML()); err != nil {
			return err
		}
		c.Line("# %s is written: look at it, then `vifctl config check --host`.", o.write)
	} else {
		c.Raw(r.TOML())
	}
	for _, part := range []struct {
		about string
		lines []string
	}{
		{"What is to be removed from the running host, before the guests' next calls or `vifctl repair`:", r.Remove},
		{"What is to be taken out of files, or it comes back:", r.TakeOut},
		{"What is not proposed, since it was not understood:", r.Unknown},
	} {
		if len(part.lines) == 0 {
			continue
		}
		c.Line("")
		c.Line("# %s", part.about)
		for _, line := range part.lines {
			c.Line("#   %s", line)
		}
	}
	return nil
}

// guestsByAddress are the guests' names by their addresses: what xl was told (ip=), or whose
// hardware address answers for one.
func guestsByAddress(ctx context.Context, xs *xenstore.Client, macs map[netip.Addr]string) map[netip.Addr]string {
	all := map[netip.Addr]string{}
	const backends = "/local/domain/0/backend/vif"
	domids, _ := xs.List(ctx, backends)
	for _, domid := range domids {
		if _, err := strconv.Atoi(domid); err != nil {
			continue
		}
		name, err := xs.Read(ctx, "/local/domain/"+domid+"/name")
		if err != nil {
			continue
		}
		devids, _ := xs.List(ctx, backends+"/"+domid)
		for _, devid := range devids {
			backend := backends + "/" + domid + "/" + devid
			ip, _ := xs.Read(ctx, backend+"/ip")
			for _, word := range strings.Fields(ip) {
				if a, err := netip.ParseAddr(word); err == nil {
					all[a] = name
				}
			}
			mac, _ := xs.Read(ctx, backend+"/mac")
			for a, m := range macs {
				if mac != "" && strings.EqualFold(mac, m) && all[a] == "" {
					all[a] = name
				}
			}
		}
	}
	return all
}
