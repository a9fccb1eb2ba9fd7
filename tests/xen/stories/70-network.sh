# The host's side: bond and VLAN uplinks move into a bridge and back, and the kernel's own tables grow
# limit: 500

[ "$SCRIPTS" = ours ] || {
	note 'Debian ships no network-* script'
	exit 0
}
network() {
	note "network $*"
	/etc/xen/scripts/vifctl network "$@"
}

# A switch far away, with two cables to this host and an address in two networks.
modprobe -a bonding 8021q nf_conntrack
ip netns add far
ip -n far link add switch type bridge
for n in 0 1; do
	ip link add card$n type veth peer name far$n netns far
	ip -n far link set far$n master switch up
done
ip -n far link set switch up
ip -n far addr add 172.16.0.254/24 dev switch
ip -n far addr add fd16::254/64 dev switch nodad
ip -n far link add link switch name switch.7 type vlan id 7
ip -n far link set switch.7 up
ip -n far addr add 172.17.0.254/24 dev switch.7

ip link add bond7 type bond mode active-backup miimon 100
for n in 0 1; do ip link set card$n master bond7; done
ip link set bond7 mtu 1490 up
ip addr add 172.16.0.1/24 dev bond7
ip addr add 172.16.0.2/24 dev bond7
ip addr add fd16::1/64 dev bond7 nodad
ip route add default via 172.16.0.254 dev bond7 metric 50
ip route add 198.51.100.0/24 via 172.16.0.254 table 77
vlan() {
	ip link add link bond7 name bond7.7 type vlan id 7
	ip link set bond7.7 up
	settle bond7.7
	ip addr add 172.17.0.1/24 dev bond7.7
	ip route add default via 172.17.0.254 dev bond7.7 metric 60
	reach 172.17.0.254
}
vlan
settle bond7
reach 172.16.0.254
remember

step 'a bond becomes a port of a bridge; the VLAN on it goes on working'
network start bridge bridge=xenbr7 netdev=bond7
equal 'master of bond7' xenbr7 "$(link_field bond7 master)"
equal 'MTU of xenbr7' 1490 "$(link_field xenbr7 mtu)"
ip -o addr show dev xenbr7 | grep -q 'inet 172.16.0.2/24' || die 'xenbr7 has not the second address'
ip route show table 77 | grep -q 'dev xenbr7' || die 'table 77 leads elsewhere'
reach 172.16.0.254
reach fd16::254
reach 172.17.0.254
ip link set card0 down
reach 172.16.0.254 # by the other card
ip link set card0 up
eventually 30 'the first card carries the bond again' ip link set bond7 type bond active_slave card0
network status bridge
network stop bridge
reach 172.16.0.254
nothing_left

step 'the bond is renamed, as xend did it: not under a VLAN, since this kernel takes it down for that'
refuses 'it was renamed under a VLAN' network start bridge netdev=bond7
nothing_left
ip link del bond7.7
remember
network start bridge netdev=bond7
equal 'master of pbond7' bond7 "$(link_field pbond7 master)"
reach 172.16.0.254
network stop bridge
nothing_left

step 'a VLAN becomes a port of a bridge'
vlan
remember
network start bridge bridge=xenbr8 netdev=bond7.7
equal 'master of bond7.7' xenbr8 "$(link_field bond7.7 master)"
reach 172.17.0.254
reach 172.16.0.254
network stop bridge
nothing_left

step 'room for 2,000 guests, in tables that only this namespace has'
configure <<'TOML'
[host]
guests = 2000
TOML
tables='net/netfilter/nf_conntrack_max net/netfilter/nf_conntrack_buckets net/netfilter/nf_conntrack_generic_timeout
	net/netfilter/nf_conntrack_tcp_timeout_established net/ipv4/neigh/default/gc_thresh3 net/ipv6/neigh/default/gc_thresh1'
values() { for t in $tables; do cat "/proc/sys/$t"; done | tr '\n' ' '; }
before=$(values)
network start route netdev=bond7
equal 'the tables' '4194304 4194304 120 7440 32768 8192 ' "$(values)"
network status
network stop route
equal 'the tables afterwards' "$before" "$(values)"

step 'a network that is not confirmed is undone'
network start bridge bridge=xenbr7 netdev=bond7 --confirm 2
eventually 60 'it is undone' test -e /run/vifctl/network.last
network status || note "status exits with $?"
reach 172.16.0.254
rm /run/vifctl/network.last
