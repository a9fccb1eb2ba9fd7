package inventory

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vifctl/configs"
	"vifctl/hooks/kernel"
	"vifctl/hooks/network"
	"vifctl/xenscripts"
)

// readSurroundings reads what is not about one NIC.
func (f *Facts) readSurroundings(ctx context.Context, s Sources) {
	f.readSettings()
	f.VLANs, _ = s.Engine.Reader.BridgeVLANs()
	f.Iptables = f.Config != nil && f.Config.Host.Firewall == configs.FirewallIptables
	f.readManaged()
	sides := network.Networks{Reader: s.Engine.Reader, Journal: s.Engine.Journal, Log: s.Engine.Log}
	f.Sides, _ = sides.Sides(ctx)
	f.Watcher = watcherRuns()
	f.readScripts(s)
	f.readForeign(s)
	f.readDrops(ctx, s)
	for _, n := range f.NICs {
		if n.Alive || f.XenstoreErr != nil {
			continue
		}
		f.Stale = append(f.Stale, n.records()...)
	}
}

// readSettings reads the settings that forwarding depends on.
func (f *Facts) readSettings() {
	f.Settings = map[string]string{}
	paths := []string{
		"ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/conf/all/rp_filter", "ipv4/conf/all/proxy_arp",
		"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables", "bridge/bridge-nf-call-arptables",
		"netfilter/nf_conntrack_count", "netfilter/nf_conntrack_max", "netfilter/nf_conntrack_buckets",
	}
	names := map[string]bool{}
	for i := range f.NICs {
		for _, p := range f.NICs[i].Ports() {
			if p.Link != nil {
				names[p.Link.Name] = true
			}
		}
		names[f.Uplink(&f.NICs[i])] = true
	}
	names[f.Uplink(nil)] = true
	delete(names, "")
	for name := range names {
		for _, setting := range []string{"rp_filter", "proxy_arp", "forwarding"} {
			paths = append(paths, "ipv4/conf/"+name+"/"+setting)
		}
		for _, setting := range []string{"forwarding", "proxy_ndp", "disable_ipv6", "accept_ra"} {
			paths = append(paths, "ipv6/conf/"+name+"/"+setting)
		}
	}
	for _, path := range paths {
		if v, ok, err := kernel.Setting("/proc/sys/net/" + path); err == nil && ok {
			f.Settings[path] = v
		}
	}
	f.Tracked, _ = strconv.Atoi(f.Settings["netfilter/nf_conntrack_count"])
	f.TrackedMost, _ = strconv.Atoi(f.Settings["netfilter/nf_conntrack_max"])
}

// readManaged asks systemd-networkd and NetworkManager which links they manage,
// by the files in which they tell it.
func (f *Facts) readManaged() {
	f.Managed = map[string]string{}
	for index, l := range f.Host.Links {
		file := strconv.Itoa(index)
		if hasLine("/run/systemd/netif/links/"+file, "ADMIN_STATE=configured", "ADMIN_STATE=configuring", "ADMIN_STATE=failed") {
			f.Managed[l.Name] = "systemd-networkd"
		}
		if hasLine("/run/NetworkManager/devices/"+file, "managed=true", "managed=1") {
			f.Managed[l.Name] = "NetworkManager"
		}
	}
}

func hasLine(path string, wanted ...string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if slices.Contains(wanted, strings.TrimSpace(line)) {
			return true
		}
	}
	return false
}

// watcherRuns looks for a process that is `vifctl watch`, in the network
// namespace that we are in.
func watcherRuns() bool {
	own, _ := os.Readlink("/proc/self/ns/net")
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range commands {
		text, err := os.ReadFile(path)
		words := strings.Split(string(text), "\x00")
		if err != nil || len(words) < 2 || words[1] != "watch" || !strings.HasPrefix(filepath.Base(words[0]), "vifctl") {
			continue
		}
		if ns, _ := os.Readlink(filepath.Join(filepath.Dir(path), "ns/net")); ns == own {
			return true
		}
	}
	return false
}

// readScripts looks whether Xen's scripts are vifctl.
func (f *Facts) readScripts(s Sources) {
	f.Scripts = map[string]string{}
	if s.ScriptsDir == "" || !isDir(s.ScriptsDir) {
		return
	}
	for name, program := range s.Scripts {
		path := filepath.Join(s.ScriptsDir, name)
		there, err := os.Stat(path)
		ours, ourErr := os.Stat(program)
		switch {
		case err != nil:
			f.Scripts[name] = "missing"
		case ourErr == nil && os.SameFile(there, ours):
		default:
			f.Scripts[name] = "another program"
			target, err := filepath.EvalSymlinks(path)
			base := filepath.Base(target)
			if err == nil && (strings.HasPrefix(base, xenscripts.Program) || strings.HasPrefix(base, xenscripts.HookProgram)) {
				f.Scripts[name] = "another vifctl, " + target
			}
		}
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Setting is a setting of an interface's, "" where the kernel has none.
func (f *Facts) Setting(table, dev, name string) string { return f.Settings[table+"/"+dev+"/"+name] }

// PortOf finds the NIC and the port of an ifindex.
func (f *Facts) PortOf(index int) (*NIC, *Port) {
	if f.ports == nil {
		f.ports = map[int]portAt{}
		for i := range f.NICs {
			for _, p := range f.NICs[i].Ports() {
				if p.Link != nil {
					f.ports[p.Link.Index] = portAt{i, p}
				}
			}
		}
	}
	at, ok := f.ports[index]
	if !ok {
		return nil, nil
	}
	return &f.NICs[at.nic], at.port
}

// MemberPorts are the links in a bridge.
func (f *Facts) MemberPorts(bridge int) (members []kernel.Link) {
	for _, l := range f.Host.Links {
		if l.Master == bridge {
			members = append(members, l)
		}
	}
	slices.SortFunc(members, func(a, b kernel.Link) int { return strings.Compare(a.Name, b.Name) })
	return members
}
