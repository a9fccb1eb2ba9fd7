# An HVM guest behind a router: the tap's route wins until the tap goes
# limit: 500

host_route

step 'xl create: a route with metric 1 through the tap, with 2 through the vif'
guest hedy hvm vif="mac=00:16:3e:00:05:01,ip=10.1.0.4,script=vif-route" driver=8139cp ip=10.1.0.4/32 gw=10.1.0.1
launch hedy
vif=vif$(domid hedy).0 tap=vif$(domid hedy).0-emu
routed "$tap" 10.1.0.4 1
routed "$vif" 10.1.0.4 2

step 'over the emulated NIC, before the PV driver'
up hedy 240
[ "$(backend hedy 0 state)" = 2 ] || die "the PV driver is already there: state $(backend hedy 0 state)"
reach 10.1.0.4
reach_from hedy 10.1.0.1
world_reaches 10.1.0.4

step 'the PV driver takes over: the tap and its route go, the other route serves'
in_guest hedy 'rmmod 8139cp && unplug && driver xen-netfront && addresses'
goes "$tap"
connected hedy 0
routed "$vif" 10.1.0.4 2
reach 10.1.0.4
reach_from hedy 10.1.0.1
world_reaches 10.1.0.4

step 'reboot from inside: the emulated NIC is back, and its route wins again'
type_in hedy '1 reboot -f'
up hedy 240
vif=vif$(domid hedy).0
routed "$vif-emu" 10.1.0.4 1
routed "$vif" 10.1.0.4 2
reach 10.1.0.4

step 'power-off from inside: nothing is left'
type_in hedy '1 poweroff -f'
ended hedy
nothing_left
