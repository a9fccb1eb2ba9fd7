# A PV guest on a bridge, from create to destroy
# limit: 500
# smoke

host_bridge
ip addr add 10.9.0.1/24 dev xenbr0
remember
mac=00:16:3e:00:01

step 'xl create: the port is on the bridge and both ends see each other'
guest alice pv vif="mac=$mac:01,bridge=xenbr0" ip=10.0.0.2/24,fd00::2/64 gw=10.0.0.254
create alice
connected alice 0
vif=vif$(domid alice).0
equal "master of $vif" xenbr0 "$(link_field "$vif" master)"
equal "MAC of $vif" fe:ff:ff:ff:ff:ff "$(link_field "$vif" link/ether)"
reach 10.0.0.2
reach_from alice 10.0.0.1
reach_from alice 10.0.0.254
reach fd00::2
world_reaches 10.0.0.2
world_reaches fd00::2

step 'network-attach: a name, an MTU, a rate, two addresses, a gateway device that a bridge needs not; detach'
[ "$SCRIPTS" = stock ] || configure <<<'host.antispoof = "strict"'
xl network-attach alice "mac=$mac:02" bridge=xenbr0 vifname=web-alice mtu=1400 rate=1Mb/s 'ip=10.9.0.3 10.9.0.4' gatewaydev=eth0 script=vif-bridge
equal 'master of web-alice' xenbr0 "$(link_field web-alice master)"
equal 'MTU of web-alice' 1400 "$(link_field web-alice mtu)"
equal 'rate in the backend' 6250,50000 "$(backend alice 1 rate)"
connected alice 1
# Debian's vif-bridge writes it below /local/domain/web-alice.
[ "$SCRIPTS" = stock ] || equal 'MTU the guest is told' 1400 "$(xenstore-read "/local/domain/$(domid alice)/device/vif/1/mtu")"
refuses 'something was written below /local/domain/web-alice' xenstore-read /local/domain/web-alice/device/vif/1/mtu
in_guest alice 'ip link set eth1 up; for host in 3 4 5; do ip addr add 10.9.0.$host/24 dev eth1; done'
for n in 3 4; do
	reach 10.9.0.$n
	in_guest alice "ping -c 1 -W 5 -I 10.9.0.$n 10.9.0.1"
done
if [ "$SCRIPTS" = ours ]; then
	in_guest alice '! ping -c 1 -W 2 -I 10.9.0.5 10.9.0.1'
	refuses 'an address that is not its own is reached' ping -n -c 1 -W 1 10.9.0.5
	rm /etc/xen/vifctl.toml
fi
xl network-detach alice 1
goes web-alice
reach_from alice 10.0.0.1

step 'reboot from inside: a new domain, the same NIC'
was=$(domid alice)
type_in alice '1 reboot -f'
up alice
[ "$(domid alice)" != "$was" ] || die 'the domain id is the old one'
connected alice 0
reach 10.0.0.2
reach_from alice 10.0.0.254

step 'power-off from inside: nothing is left'
type_in alice '1 poweroff -f'
ended alice
only_tables_left

step 'create again, then xl destroy: nothing is left'
create alice
reach 10.0.0.2
xl destroy alice
nothing_left
