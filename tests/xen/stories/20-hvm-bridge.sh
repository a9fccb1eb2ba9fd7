# An HVM guest on a bridge: the emulated NIC first, then the PV driver
# limit: 500
# smoke

host_bridge

step 'xl create: the vif and the tap are both on the bridge'
guest hugo hvm vif="mac=00:16:3e:00:04:01,bridge=xenbr0" driver=8139cp ip=10.0.0.4/24 gw=10.0.0.254
launch hugo
vif=vif$(domid hugo).0 tap=vif$(domid hugo).0-emu
for port in "$vif" "$tap"; do
	equal "master of $port" xenbr0 "$(link_field "$port" master)"
	equal "MAC of $port" fe:ff:ff:ff:ff:ff "$(link_field "$port" link/ether)"
done

step 'over the emulated NIC, before the PV driver'
up hugo 240
[ "$(backend hugo 0 state)" = 2 ] || die "the PV driver is already there: state $(backend hugo 0 state)"
reach 10.0.0.4
reach_from hugo 10.0.0.254

step 'the PV driver takes over: the tap goes, the guest stays reachable'
in_guest hugo 'rmmod 8139cp && unplug && driver xen-netfront && addresses'
goes "$tap"
connected hugo 0
reach 10.0.0.4
reach_from hugo 10.0.0.254

step 'xl destroy: nothing is left'
xl destroy hugo
nothing_left
