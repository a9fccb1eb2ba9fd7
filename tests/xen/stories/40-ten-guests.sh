# Ten guests created at once, then destroyed at once: nothing is left
# limit: 400

host_bridge

step 'ten xl create in parallel; paused, so that libxl’s ten seconds for a backend suffice on an emulated machine'
for n in 0 1 2 3 4 5 6 7 8 9; do
	guest "crowd$n" pv vif="mac=00:16:3e:00:07:0$n,bridge=xenbr0" ip="10.0.0.10$n/24" gw=10.0.0.254
	echo 0 >"$S/crowd$n.boots"
done
for n in 0 1 2 3 4 5 6 7 8 9; do
	(S=$S/$n && mkdir "$S" && xl create -p "/run/lab/crowd$n.cfg") &
done
for job in $(jobs -p); do wait "$job"; done
for n in 0 1 2 3 4 5 6 7 8 9; do xl unpause "crowd$n"; done

step 'every one is up, connected and reachable'
for n in 0 1 2 3 4 5 6 7 8 9; do
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
