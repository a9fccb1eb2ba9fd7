# A PV guest on a bridge of Open vSwitch's, the kernel's own datapath
# limit: 500

[ "$SCRIPTS" = ours ] || exit 0

world_up 10.4.0.254/24 fd04::254/64
ovs_up
ovs-vsctl add-port ovs0 eth0
ip addr add 10.4.0.1/24 dev ovs0
ip link set ovs0 up
settle ovs0
remember

ports() { ovs-vsctl --columns=name,tag,trunks,external_ids list Port; }
ports >"$S/ports.before"
ports_as_before() { ports | diff "$S/ports.before" -; }
no_port() { ! ovs-vsctl port-to-br "$1"; }
mac=00:16:3e:00:0e

step 'xl create: a port of the switch, with the guest’s name on it'
guest olga pv vif="mac=$mac:01,bridge=ovs0,script=vif-openvswitch" ip=10.4.0.2/24 gw=10.4.0.254
create olga
connected olga 0
vif=vif$(domid olga).0
equal "bridge of $vif" ovs0 "$(ovs-vsctl port-to-br "$vif")"
equal 'xen-vm-name' olga "$(ovs-vsctl get Interface "$vif" external_ids:xen-vm-name)"
reach 10.4.0.2
reach_from olga 10.4.0.254
world_reaches 10.4.0.2

step 'network-attach in a VLAN: a name, an MTU, a rate, two addresses, a gateway device that a switch needs not; detach'
configure <<<'host.antispoof = "strict"'
xl network-attach olga "mac=$mac:02" bridge=ovs0.7 script=vif-openvswitch vifname=olga-seven mtu=1400 rate=1Mb/s 'ip=10.7.0.2 10.7.0.3' gatewaydev=eth0
rm /etc/xen/vifctl.toml
equal 'tag of olga-seven' 7 "$(ovs-vsctl get Port olga-seven tag)"
equal 'MTU of olga-seven' 1400 "$(link_field olga-seven mtu)"
equal 'rate in the backend' 6250,50000 "$(backend olga 1 rate)"
connected olga 1
in_guest olga 'ip link set eth1 up; for host in 2 3 4; do ip addr add 10.7.0.$host/24 dev eth1; done'
ovs-vsctl add-port ovs0 seven tag=7 -- set Interface seven type=internal
ip addr add 10.7.0.1/24 dev seven
ip link set seven up
for n in 2 3; do
	reach 10.7.0.$n
	in_guest olga "ping -c 1 -W 5 -I 10.7.0.$n 10.7.0.1"
done
in_guest olga '! ping -c 1 -W 2 -I 10.7.0.4 10.7.0.1'
ovs-vsctl del-port seven
xl network-detach olga 1
goes olga-seven
eventually 20 'the port is gone' no_port olga-seven
reach_from olga 10.4.0.1

step 'reboot from inside'
type_in olga '1 reboot -f'
up olga
connected olga 0
world_reaches 10.4.0.2

step 'power-off from inside: nothing is left'
type_in olga '1 poweroff -f'
ended olga
nothing_left
eventually 20 'the switch’s ports are what they were' ports_as_before

step 'create again, then xl destroy: nothing is left'
create olga
reach 10.4.0.2
xl destroy olga
nothing_left
eventually 20 'the switch’s ports are what they were' ports_as_before
ovs-vsctl del-br ovs0
