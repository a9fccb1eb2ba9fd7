# A PVH guest on a bridge
# limit: 500

host_bridge

step 'xl create: connected and reachable'
guest petra pvh vif="mac=00:16:3e:00:03:01,bridge=xenbr0" ip=10.0.0.3/24 gw=10.0.0.254
create petra
connected petra 0
vif=vif$(domid petra).0
equal "master of $vif" xenbr0 "$(link_field "$vif" master)"
gone "$vif-emu" || die 'a PVH guest has no emulated NIC'
reach 10.0.0.3
reach_from petra 10.0.0.254

step 'xl destroy: nothing is left'
xl destroy petra
nothing_left
