# Ten guests created at once, then destroyed at once: nothing is left
# limit: 500

host_bridge

step 'ten xl create in parallel; paused, so that they do not starve xl on an emulated machine'
for n in 0 1 2 3 4 5 6 7 8 9; do
	guest "crowd$n" pv vif="mac=00:16:3e:00:07:0$n,bridge=xenbr0" ip="10.0.0.10$n/24" gw=10.0.0.254
	echo 0 >"$S/crowd$n.boots"
done
for n in 0 1 2 3 4 5 6 7 8 9; do
	(S=$S/$n && mkdir "$S" && xl create -p "/run/lab/crowd$n.cfg") &
done
for job in $(jobs -p); do wait "$job"; done

step 'every one has its port'
for n in 0 1 2 3 4 5 6 7 8 9; do
	equal "master of crowd$n's vif" xenbr0 "$(link_field "vif$(domid "crowd$n").0" master)"
	equal "hotplug-status of crowd$n's NIC" connected "$(backend "crowd$n" 0 hotplug-status)"
done

step 'the first and the last boot, and are reachable'
for n in 0 9; do
	xl unpause "crowd$n"
	up "crowd$n" 200
	connected "crowd$n" 0
	reach "10.0.0.10$n"
done

step 'ten xl destroy in parallel'
for n in 0 1 2 3 4 5 6 7 8 9; do
	(S=$S/$n && xl destroy "crowd$n") &
done
for job in $(jobs -p); do wait "$job"; done
nothing_left
