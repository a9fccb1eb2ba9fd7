package differential

// differences is everything in which vifctl means to differ from Debian's scripts.
var differences = []difference{
	{
		Name:  "no host IPv6 on a bridge port",
		Why:   "a guest could otherwise reach the host's link-local address, and send the host router advertisements",
		In:    `vif-(bridge|openvswitch)/.*`,
		Stock: `address PORT inet6 fe80::.*|route6 .* dev PORT .*|sysctl net/ipv6/conf/PORT/disable_ipv6 = 0`,
		Ours:  `sysctl net/ipv6/conf/PORT/disable_ipv6 = 1`,
	},
	{
		Name: "no host IPv6 on a routed port whose guest has none",
		Why:  "as on a bridge port",
		In:   `vif-(route|nat)/.*`,
		Stock: `address PORT inet6 fe80::fc.*|route6 .*fe80::.* dev PORT .*|route6 multicast ff00::/8 dev PORT .*|` +
			`sysctl net/ipv6/conf/PORT/disable_ipv6 = 0`,
		Ours: `sysctl net/ipv6/conf/PORT/disable_ipv6 = 1`,
	},
	{
		Name: "the MTU is told to the right domain",
		Why:  "Debian's scripts take the domid from the vifname and write below a domain that does not exist",
		In:   `vif-bridge/.*vifname.*`,
		Stock: `store /local/domain/(alice|-web-01)(/.*)? = .*|` +
			`store /local/domain/1/device/vif/0/mtu = "1500"`,
		Ours: `store /local/domain/1/device/vif/0/mtu = "9000"`,
	},
	{
		Name:     "offline gives the name back",
		Why:      "offline undoes what online did, so that online; offline; online works without a new vif",
		In:       `.*vifname.*`,
		OurEdits: []edit{{`(^|[^\w.-])vif1\.0((?:-emu)?)($|[^\w.-])`, "${1}VIFNAME${2}${3}"}},
		After:    `.*(offline|remove).*`,
	},
	{
		Name:  "offline gives MAC and MTU back",
		Why:   "offline undoes what online did",
		Stock: `link DOWN (mac|mtu)=.*|sysctl net/ipv6/conf/DOWN/mtu = .*`,
		Ours:  `link DOWN (mac|mtu)=.*|sysctl net/ipv6/conf/DOWN/mtu = .*`,
		Both:  true,
	},
	{
		Name: "offline of a routed port takes it down, its address away and proxy ARP off",
		Why:  "Debian's scripts only take the routes away; the rest waits for the vif to go, and stays for a tap that does not",
		In:   `vif-(route|nat)/.*`,
		Stock: `link DOWN state=up|address DOWN inet .*|route local [0-9.]+ dev DOWN .*|` +
			`sysctl net/ipv4/conf/DOWN/proxy_arp = 1`,
		Ours: `link DOWN state=down|sysctl net/ipv4/conf/DOWN/proxy_arp = 0`,
	},
	{
		Name:       "a routed port's address has no broadcast address",
		Why:        "ifconfig gives it the one of the address's class, 10.255.255.255: a /32 has none",
		In:         `vif-route/.*`,
		Stock:      `route broadcast 10\.255\.255\.255 dev PORT .*`,
		StockEdits: []edit{{`^(address PORT inet 10\.0\.0\.2/32) broadcast=10\.255\.255\.255`, "$1"}},
	},
	{
		Name:     "routes carry vifctl's protocol number",
		Why:      "people and repair can tell them from other programs' routes",
		In:       `vif-(route|nat)/.*`,
		OurEdits: []edit{{`^(route6? .* dev PORT) proto (118|vifctl)`, "$1"}},
	},
	{
		Name:  "proxy ARP answers at once, and no guest is redirected",
		Why:   "the kernel delays proxy ARP by up to 0.8 s; redirects would send guests past the host that filters them",
		In:    `vif-(route|nat)/.*`,
		Stock: `sysctl net/ipv4/(conf/PORT/send_redirects = 1|neigh/PORT/proxy_delay = 80)`,
		Ours:  `sysctl net/ipv4/(conf/PORT/send_redirects = 0|neigh/PORT/proxy_delay = 0)`,
	},
	{
		Name:  "proxy ARP does not answer a guest about its own address",
		Why:   "while a NIC's vif and tap are both up the host would answer on the one, where a guest asks whether its address is taken",
		In:    `vif-(route|nat)/.*`,
		Stock: `sysctl net/ipv4/conf/PORT/medium_id = 0`,
		Ours:  `sysctl net/ipv4/conf/PORT/medium_id = \d+`,
	},
	{
		Name:  "a routed port gets the guest's MTU",
		Why:   "Debian's vif-route ignores the key that xl wrote",
		In:    `vif-route/mtu key`,
		Stock: `link PORT mtu=1500|sysctl net/ipv6/conf/PORT/mtu = 1500`,
		Ours:  `link PORT mtu=1400|sysctl net/ipv6/conf/PORT/mtu = 1400`,
	},
	{
		Name:  "hotplug-error is a sentence",
		Why:   "it says which interface, what failed and why",
		Stock: `store .*/hotplug-error = .*`,
		Ours:  `store .*/hotplug-error = .*`,
		Both:  true,
	},
	{
		Name:  "every refusal is reported",
		Why:   "Debian's scripts leave xl without a word when the arguments are wrong or a command fails in a function",
		In:    `.*/(bridge that is none|unknown type_if|unknown command)`,
		Stock: `store .*/hotplug-status = ""`,
		Ours:  `store .*/hotplug-status = "error"|store .*/hotplug-error = .*`,
	},
	{
		Name: "a failed online is rolled back",
		Why:  "Debian's scripts stop where they failed and leave the address, proxy ARP and the port up",
		In:   `vif-route/(bad address|one address twice)`,
		Stock: `address PORT inet .*|route local 10\.0\.0\.2 dev PORT .*|link PORT state=up|` +
			`sysctl net/ipv4/conf/PORT/proxy_arp = 1`,
		Ours: `link PORT state=down|sysctl net/ipv4/conf/PORT/proxy_arp = 0`,
		Both: true,
	},
	{
		Name: "offline needs neither bridge nor uplink",
		Why:  "Debian's scripts look for them first and fail, when the guest is gone all the same: offline goes by the journal",
		In: `vif-bridge/(the bridge is gone before offline|unknown bridge|no bridge key.*|bridge from .*|bridge that is none)|` +
			`vif-route/(no address on the uplink|gatewaydev is not there|the uplink is not eth0|the uplink's address is gone before offline)`,
		After: `.*offline.*`,
		Stock: `exit non-zero|link DOWN (master=.*|state=up)|port DOWN .*|route 10\.0\.0\.5 dev DOWN .*|` +
			`store .*/hotplug-(error = .*|status = "error")`,
		Ours: `exit 0|link DOWN state=down|store .*/hotplug-status = "connected"`,
	},
	{
		Name:  "without a bridge key the only bridge is taken",
		Why:   "without brctl, Debian's script looks for a port instead, and finds no bridge that has none",
		In:    `vif-bridge/no bridge key and no port on the only bridge`,
		Stock: `exit non-zero|link PORT state=down|store .*/hotplug-(error = .*|status = "error")`,
		Ours: `exit 0|link PORT state=up|link PORT master=br7|port PORT .*|(address br7|route6 .* dev br7) .*|` +
			`store .*/hotplug-status = "connected"`,
	},
	{
		Name:  "without a bridge key and with several bridges it is the first by name",
		Why:   "as brctl lists them; without brctl, Debian's script takes the bridge of whatever port was made first",
		In:    `vif-bridge/no bridge key and two bridges`,
		Stock: `link PORT master=xenbr0`,
		Ours:  `link PORT master=br7|(address br7|route6 .* dev br7) .*`,
	},
	{
		Name: "a guest whose vifname is taken cannot take the port of the guest that has it down",
		Why:  "Debian's script goes by the name in its own keys, and cuts the other guest off",
		In:   `.*/taken vifname`, After: `.*offline type_if=vif for another`,
		Stock: `link alice state=down`,
		Ours:  `link alice (master=xenbr0|state=up)|port alice .*`,
	},
	{
		Name:  "online may be repeated",
		Why:   "Debian's vif-route adds its routes again and fails; xl must be told connected every time",
		In:    `vif-route/online twice`,
		Stock: `exit non-zero|store .*/hotplug-(error = .*|status = "error")`,
		Ours:  `exit 0|store .*/hotplug-status = "connected"`,
	},
	{
		Name: "IPv6 guests are routed",
		Why:  "Debian's script gives each entry the uplink's IPv4 address as its source, and fails",
		In:   `vif-route/IPv6 address`,
		Stock: `exit non-zero|store .*/hotplug-(error = .*|status = "error")|` +
			`sysctl net/ipv6/(conf/PORT/(accept_ra = 1|addr_gen_mode = 0)|neigh/PORT/proxy_delay = 80)`,
		Ours: `exit 0|store .*/hotplug-status = "connected"|address PORT inet6 (2001:db8::2/128|fe80::1/64) .*|` +
			`route6 2001:db8::5 dev PORT src 2001:db8::2 metric 2 .*|route6 local (2001:db8::2|fe80::1) dev PORT .*|` +
			`neighbour6 2001:db8::5 dev eth0 proxy|` +
			`sysctl net/ipv6/(conf/PORT/(accept_ra = 0|addr_gen_mode = 1)|neigh/PORT/proxy_delay = 0)`,
	},
	{
		Name: "the uplink is the default route's device",
		Why:  "Debian's script takes eth0, whatever the host's uplink is called, and fails without an address there",
		In:   `vif-route/the uplink is not eth0`,
		Stock: `exit non-zero|link PORT state=down|store .*/hotplug-(error = .*|status = "error")|` +
			`sysctl net/ipv4/conf/PORT/proxy_arp = 0`,
		Ours: `exit 0|link PORT state=up|(address|route) .*PORT .*|store .*/hotplug-status = "connected"|` +
			`sysctl net/ipv4/conf/PORT/proxy_arp = 1`,
	},
	{
		Name: "vif-nat translates by itself",
		Why:  "Debian's script leaves it to a rule of network-nat's, for all that leaves the host; the tables are the host's and stay",
		In:   `vif-nat/.*`,
		Ours: `nft .*`,
	},
	{
		Name:     "a private guest's route has its NIC's metric",
		Why:      "as in vif-route, so that an emulated NIC works, too",
		In:       `vif-nat/.*`,
		OurEdits: []edit{{`^(route .* dev PORT .*) metric 2`, "$1"}},
	},
	{
		Name:  "NIC 1 is not NIC 10",
		Why:   "Debian's script takes vif1.1 to be up already because vif1.10 is, and leaves it hanging",
		In:    `vif-nat/NICs 10 and 1`,
		Stock: `link vif1\.1 state=down|store .*/1/1/hotplug-status = ""|sysctl net/ipv4/conf/vif1\.1/proxy_arp = 0`,
		Ours: `link vif1\.1 state=up|store .*/1/1/hotplug-status = "connected"|sysctl net/ipv4/conf/vif1\.1/proxy_arp = 1|` +
			`address vif1\.1 inet 192\.168\.1\.138/32 .*|route .* dev vif1\.1 .*`,
	},
	{
		Name: "there is a gateway for any private address",
		Why:  "Debian's script adds 127 to the last part, also where that makes 327",
		In:   `vif-nat/a large last part`,
		Stock: `exit non-zero|store .*/hotplug-(error = .*|status = "error")|` +
			`sysctl net/ipv4/conf/PORT/proxy_arp = 0`,
		Ours: `exit 0|store .*/hotplug-status = "connected"|address PORT inet 192\.168\.1\.73/32 .*|route .* dev PORT .*|` +
			`sysctl net/ipv4/conf/PORT/proxy_arp = 1`,
	},
	{
		Name: "a private guest may have several addresses, of both families",
		Why:  "Debian's script takes all of ip= as one address, and fails",
		In:   `vif-nat/(several addresses|IPv6 address)`,
		Stock: `exit non-zero|store .*/hotplug-(error = .*|status = "error")|address PORT inet6 fe80::fc.*|route6 .*fe80::fc.* dev PORT .*|` +
			`sysctl net/ipv4/conf/PORT/proxy_arp = 0|sysctl net/ipv6/(conf/PORT/(accept_ra = 1|addr_gen_mode = 0)|neigh/PORT/proxy_delay = 80)`,
		Ours: `exit 0|store .*/hotplug-status = "connected"|address PORT inet6 fe80::1/64 .*|route6? .* dev PORT .*|` +
			`neighbour6 2001:db8::5 dev eth0 proxy|sysctl net/ipv4/conf/PORT/proxy_arp = 1|` +
			`sysctl net/ipv6/(conf/PORT/(accept_ra = 0|addr_gen_mode = 1)|neigh/PORT/proxy_delay = 0)`,
	},
	{
		Name:     "a port of Open vSwitch's has an iface-id",
		Why:      "it is the name by which an OVN controller knows a logical port",
		In:       `vif-openvswitch/.*`,
		OurEdits: []edit{{`^(switch-interface PORT,.*)iface-id=""[-0-9a-f]+\.0"", `, "$1"}},
	},
	{
		Name:  "a port of Open vSwitch's with a tag has its trunks",
		Why:   "without a vlan_mode the switch ignores the trunks of a port that has a tag",
		In:    `vif-openvswitch/tag and trunks`,
		Stock: `switch-port PORT,10,"\[20, 30\]",\[\]`,
		Ours:  `switch-port PORT,10,"\[20, 30\]",native-untagged`,
		Both:  true,
	},
	{
		Name:  "a port of Open vSwitch's gets the guest's MTU",
		Why:   "Debian's vif-openvswitch ignores the key that xl wrote; the bridge's own interface follows its smallest port",
		In:    `vif-openvswitch/mtu key`,
		Stock: `link (PORT|ovs0) mtu=1500|sysctl net/ipv6/conf/(PORT|ovs0)/mtu = 1500`,
		Ours:  `link (PORT|ovs0) mtu=1400|sysctl net/ipv6/conf/(PORT|ovs0)/mtu = 1400`,
	},
	{
		Name:  "a guest's name is one value",
		Why:   "Debian's script makes words of ovs-vsctl's out of it, which fails at best",
		In:    `vif-openvswitch/a name of several words`,
		Stock: `exit non-zero|link PORT state=down|store .*/hotplug-(error = .*|status = "error")`,
		Ours: `exit 0|link PORT (state=up|flag=PROMISC)|store .*/hotplug-status = "connected"|switch-port PORT,.*|` +
			`switch-interface PORT,.*xen-vm-name=""a -- del-port eth0"".*`,
	},
}
