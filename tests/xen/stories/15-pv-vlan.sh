# A PV guest in a VLAN of a Linux bridge that keeps them apart
# limit: 500

[ "$SCRIPTS" = ours ] || exit 0

host_bridge
world ip link add link up0 name up0.10 type vlan id 10
world ip addr add 10.10.0.254/24 dev up0.10
world ip link set up0.10 up
mac=00:16:3e:00:0f

# xl 4.17 has no vlan=: the key that a later one writes is put there by hand, and
# the script called once more, as it may be at any time.
in_vlan() {
	xenstore-write "/local/domain/0/backend/vif/$1/0/vlan" "$2"
	env -i PATH="$PATH" XENBUS_PATH="backend/vif/$1/0" vif="vif$1.0" /etc/xen/scripts/vif-bridge online type_if=vif
}
vlans() { bridge vlan show dev "$1" | sed 1d | sed "s/^$1//" | xargs; }

step 'a bridge that does not keep VLANs apart is no place for it'
guest vera pv vif="mac=$mac:01,bridge=xenbr0" ip=10.10.0.2/24 gw=10.10.0.254
create vera
connected vera 0
id=$(domid vera)
refuses 'the guest is let into no VLAN' in_vlan "$id" 10
case $(backend vera 0 hotplug-error) in
*'xenbr0 does not keep VLANs apart'*) note "$(backend vera 0 hotplug-error)" ;;
*) die "hotplug-error: $(backend vera 0 hotplug-error)" ;;
esac
xl destroy vera
ended vera

step 'in VLAN 10, the world sees it there and nowhere else'
ip link set xenbr0 type bridge vlan_filtering 1
bridge vlan add dev eth0 vid 10
remember
create vera
id=$(domid vera)
in_vlan "$id" 10
equal "VLANs of vif$id.0" '10 PVID Egress Untagged' "$(vlans "vif$id.0")"
connected vera 0
reach_from vera 10.10.0.254
world_reaches 10.10.0.2

step 'the card leaves the VLAN: doctor names it, and the way back'
refuses 'a fault is found where none is' finds vlan-not-on-uplink
bridge vlan del dev eth0 vid 10
refuses 'the guest reaches the world without the card' in_guest vera 'ping -c 2 -W 2 10.10.0.254'
finds vlan-not-on-uplink || { cat "$S/doctor"; die 'doctor does not see it'; }
equal 'the remedy' 'bridge vlan add vid 10 dev eth0' "$(cat "$S/remedy")"
bash "$S/remedy"
reach_from vera 10.10.0.254
refuses 'it is still found' finds vlan-not-on-uplink

step 'more of them, tagged; once more is the same; fewer'
in_vlan "$id" 10p/20-21/30u
equal "VLANs of vif$id.0" '10 PVID Egress Untagged 20 21 30 Egress Untagged' "$(vlans "vif$id.0")"
vifctl plan vif-bridge online XENBUS_PATH="backend/vif/$id/0" >"$S/again"
grep -q '^# already done: bridge vlan add' "$S/again" || { cat "$S/again"; die 'that the VLAN is set already is not seen'; }
in_vlan "$id" 10
equal "VLANs of vif$id.0" '10 PVID Egress Untagged' "$(vlans "vif$id.0")"

step 'without vlan= it is in the VLAN of every port'
xenstore-rm "/local/domain/0/backend/vif/$id/0/vlan"
env -i PATH="$PATH" XENBUS_PATH="backend/vif/$id/0" vif="vif$id.0" /etc/xen/scripts/vif-bridge online type_if=vif
equal "VLANs of vif$id.0" '1 PVID Egress Untagged' "$(vlans "vif$id.0")"

step 'xl destroy: nothing is left'
xl destroy vera
ended vera
nothing_left
