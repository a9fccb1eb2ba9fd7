# A PV guest behind a router: two addresses, another gateway device, IPv6
# limit: 500

host_route
mac=00:16:3e:00:02

step 'xl create with one address: a route with metric 2, proxy ARP, both ways'
guest bob pv vif="mac=$mac:01,ip=10.1.0.2,script=vif-route" ip=10.1.0.2/32 gw=10.1.0.1
create bob
connected bob 0
vif=vif$(domid bob).0
routed "$vif" 10.1.0.2 2
equal "proxy_arp of $vif" 1 "$(cat "/proc/sys/net/ipv4/conf/$vif/proxy_arp")"
reach 10.1.0.2
reach_from bob 10.1.0.1
reach_from bob 10.1.0.254
world_reaches 10.1.0.2

step 'network-attach: two addresses through gatewaydev, with a name, an MTU and a rate; detach'
xl network-attach bob "mac=$mac:02" script=vif-route 'ip=10.2.0.5 10.2.0.6' gatewaydev=eth1 vifname=bob-lan mtu=1400 rate=1Mb/s
routed bob-lan 10.2.0.5 2
routed bob-lan 10.2.0.6 2
ip -o addr show dev bob-lan | grep -q 'inet 10.2.0.1/32' || die 'bob-lan does not carry eth1’s address'
equal 'rate in the backend' 6250,50000 "$(backend bob 1 rate)"
# Debian's vif-route knows no MTU.
if [ "$SCRIPTS" = ours ]; then
	equal 'MTU of bob-lan' 1400 "$(link_field bob-lan mtu)"
	equal 'MTU the guest is told' 1400 "$(xenstore-read "/local/domain/$(domid bob)/device/vif/1/mtu")"
fi
connected bob 1
in_guest bob 'ip link set eth1 up; ip addr add 10.2.0.5/32 dev eth1; ip addr add 10.2.0.6/32 dev eth1; ip route add 10.2.0.1 dev eth1'
reach 10.2.0.5
reach 10.2.0.6
xl network-detach bob 1
goes bob-lan
reach_from bob 10.1.0.254

# Debian's vif-route refuses IPv6.
if [ "$SCRIPTS" = ours ]; then
	step 'network-attach with an IPv6 address; detach'
	xl network-attach bob "mac=$mac:03" script=vif-route ip=fd01::2 vifname=bob-six
	routed bob-six fd01::2 2
	in_guest bob 'echo 0 >/proc/sys/net/ipv6/conf/eth1/accept_dad; ip link set eth1 up; ip addr add fd01::2/128 dev eth1; ip route add fd01::1 dev eth1; ip route add default via fd01::1 dev eth1'
	reach fd01::2
	reach_from bob fd01::1
	reach_from bob fd01::254
	world_reaches fd01::2
	xl network-detach bob 1
	goes bob-six
fi

step 'reboot from inside'
type_in bob '1 reboot -f'
up bob
connected bob 0
reach 10.1.0.2
world_reaches 10.1.0.2

step 'power-off from inside: nothing is left'
type_in bob '1 poweroff -f'
ended bob
nothing_left

step 'create again, then xl destroy: nothing is left'
create bob
reach 10.1.0.2
xl destroy bob
nothing_left
