# PV guests with private addresses: seen with a public one, reached on it, and by a forward from one place only
# limit: 500
# smoke

# Debian's vif-nat translates nothing.
[ "$SCRIPTS" = ours ] || exit 0

host_nat
# Another way into the world, where no default route leads.
ip link add eth1 type veth peer name up1 netns world
ip addr add 10.5.0.1/24 dev eth1
ip link set eth1 up
world ip addr add 10.5.0.254/24 dev up1
world ip link set up1 up
world busybox httpd -p 10.5.0.254:80 -h "$S/www"
settle eth1
remember
configure <<-'TOML'
	[host]
	antispoof = "strict"
	gateway = "192.168.1.1"

	[[guest]]
	name = "nadia"
	mode = "nat"
	address = ["192.168.1.2", "fd02::2"]
	public = ["203.0.113.44"]

	  [[guest.forward]]
	  listen = "203.0.113.40:3389"
	  from = ["198.51.100.0/24"]

	[[guest]]
	name = "nora"
	nic = 0
	mode = "nat"
	address = ["192.168.1.3"]
TOML
guest nadia pv vif="mac=00:16:3e:00:09:01,script=vif-nat" ip=192.168.1.2/32,fd02::2/128 gw=192.168.1.1,fe80::1
guest nora pv vif="mac=00:16:3e:00:09:02,script=vif-nat" ip=192.168.1.3/32 gw=192.168.1.1

step 'xl create: the guest reaches its gateway and the world, and is seen with its public address'
create nadia
connected nadia 0
routed "vif$(domid nadia).0" 192.168.1.2 2
reach_from nadia 192.168.1.1
reach_from nadia 10.1.0.254
seen_as nadia 203.0.113.44
reach_from nadia fd01::254

step 'the world reaches it on that address, and not on its private one'
serves nadia 80 3389
world_reaches 203.0.113.44
world_reads nadia 203.0.113.44 80
world ip route add 192.168.1.0/24 via 10.1.0.1
refuses 'the world reaches 192.168.1.2' world ping -n -c 2 -W 2 192.168.1.2

step 'the forward: from 198.51.100.7, and from nowhere else'
refuses 'anybody may use the forward' gives nadia world_page 203.0.113.40 3389
world ip route replace 203.0.113.0/24 dev up0 src 198.51.100.7
world_reads nadia 203.0.113.40 3389
world ip route replace 203.0.113.0/24 dev up0

step 'an address that is not its own gets nowhere'
in_guest nadia 'ip addr add 192.168.1.3/32 dev eth0'
in_guest nadia '! ping -c 2 -W 2 -I 192.168.1.3 192.168.1.1'

step 'a second guest, without a public address: it leaves with the uplink’s, and reaches the first one'
create nora
reach_from nora 10.1.0.254
seen_as nora 10.1.0.1
reads nora 203.0.113.44 / nadia

step 'the table of connections is full: doctor names it, and what to do'
refuses 'a fault is found where none is' finds conntrack-full
most=$(sysctl -n net.netfilter.nf_conntrack_max)
# Connections are forgotten while doctor looks: of this one it is known that it stays.
sysctl -q -w net.netfilter.nf_conntrack_icmp_timeout=6000
reach_from nadia 10.1.0.254
sysctl -q -w net.netfilter.nf_conntrack_icmp_timeout=30
full() {
	sysctl -q -w net.netfilter.nf_conntrack_max="$(sysctl -n net.netfilter.nf_conntrack_count)"
	finds conntrack-full
}
eventually 60 'doctor sees it' full
note "$(cat "$S/remedy")"
equal 'what doctor says' 'set guests = 1 under [host] in /etc/xen/vifctl.toml' "$(cat "$S/remedy")"
sed -i 's/^\[host\]$/&\nguests = 1/' /etc/xen/vifctl.toml
vifctl network start nat
refuses 'it is still found' finds conntrack-full
vifctl network stop nat
sysctl -q -w net.netfilter.nf_conntrack_max="$most"

step 'network-attach: two addresses through gatewaydev, with a name, an MTU and a rate; detach'
xl network-attach nora mac=00:16:3e:00:09:03 script=vif-nat 'ip=192.168.1.5 192.168.1.6' gatewaydev=eth1 vifname=nora-lan mtu=1400 rate=1Mb/s
equal 'MTU of nora-lan' 1400 "$(link_field nora-lan mtu)"
equal 'rate in the backend' 6250,50000 "$(backend nora 1 rate)"
connected nora 1
in_guest nora 'ip link set eth1 up; ip route add 192.168.1.1 dev eth1 table 5; ip route add default via 192.168.1.1 dev eth1 table 5'
for n in 5 6; do
	routed nora-lan 192.168.1.$n 2
	in_guest nora "ip addr add 192.168.1.$n/32 dev eth1; ip rule add from 192.168.1.$n table 5"
	reach 192.168.1.$n
	in_guest nora "ping -c 1 -W 5 -I 192.168.1.$n 10.5.0.254"
done
in_guest nora 'ip rule add to 10.5.0.254 table 5'
reads nora 10.5.0.254 /cgi-bin/who 10.5.0.1
xl network-detach nora 1
goes nora-lan
seen_as nora 10.1.0.1

step 'reboot from inside: reached again'
type_in nadia '1 reboot -f'
up nadia
world_reaches 203.0.113.44
seen_as nadia 203.0.113.44

step 'power-off and destroy: empty tables are left'
type_in nadia '1 poweroff -f'
xl destroy nora
ended nadia
only_tables_left

step 'create and destroy again: nothing is left'
create nora
seen_as nora 10.1.0.1
xl destroy nora
nothing_left
