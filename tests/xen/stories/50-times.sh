# How long each xl command takes, with Debian's scripts and with ours
# limit: 1000

# Every command that has a script called: in each mode with paused guests, where
# what is timed is the toolstack and the script, and on a bridge with one that
# runs and takes part; a shutdown makes destroy's call. A figure is the lesser of two, and the two sets take turns,
# so that a busy machine is unfair to both alike.
host_bridge
ovs_up
ip link add eth1 type dummy
ip addr add 10.2.0.1/24 dev eth1
ip link set eth1 up
sysctl -qw net.ipv4.ip_forward=1
mac=00:16:3e:00:08
guest bridge pv vif="mac=$mac:01,bridge=xenbr0" driver=none
guest route pv vif="mac=$mac:01,ip=10.2.0.8,script=vif-route,gatewaydev=eth1" driver=none
guest nat pv vif="mac=$mac:01,ip=192.168.1.8,script=vif-nat,gatewaydev=eth1" driver=none
guest openvswitch pv vif="mac=$mac:01,bridge=ovs0,script=vif-openvswitch" driver=none
guest hvm hvm vif="mac=$mac:01,bridge=xenbr0" driver=none
guest runs pv vif="mac=$mac:02,bridge=xenbr0" ip=10.0.0.8/24

mkdir "$S/times"
# took SET ROW SECONDS notes a figure.
took() {
	echo "$3" >>"$S/times/$2.$1"
	grep -qxF "$2" "$S/times/rows" 2>/dev/null || echo "$2" >>"$S/times/rows"
}
# timed SET ROW COMMAND… notes how long xl took.
timed() {
	xl "${@:3}" >/dev/null
	took "$1" "$2" "$XL_SECONDS"
}

for _ in 1 2; do
	for set in stock ours; do
		use_scripts $set
		for mode in bridge route nat openvswitch hvm; do
			timed $set "$mode: create -p" create -p "$S/$mode.cfg"
			timed $set "$mode: destroy" destroy $mode
		done
	done
done

# A guest is saved with the set it was restored with. xl reboot only asks for it:
# its daemon has the work.
again() { [ "$(domid runs 2>/dev/null)" != "$was" ] && gives connected backend runs 0 hotplug-status; }
use_scripts stock
create runs
xl save runs "$S/runs.saved" >/dev/null
for _ in 1 2; do
	for set in stock ours; do
		use_scripts $set
		timed $set 'running: restore' restore "$S/runs.saved"
		timed $set 'running: network-attach' network-attach runs mac=$mac:03 bridge=xenbr0
		timed $set 'running: network-detach' network-detach runs 1
		was=$(domid runs) start=$(since_start)
		xl reboot runs
		eventually 60 'the guest has a new domain' again
		took $set 'running: reboot' "$(awk -v a="$start" -v b="$(since_start)" 'BEGIN { printf "%.1f", b - a }')"
		up runs
		timed $set 'running: save' save runs "$S/runs.saved"
	done
done

least() { sort -n "$1" | head -n 1; }
{
	printf '%-28s %9s %9s\n' 'xl command (seconds)' "Debian's" ours
	while read -r row; do
		printf '%-28s %9s %9s\n' "$row" "$(least "$S/times/$row.stock")" "$(least "$S/times/$row.ours")"
	done <"$S/times/rows"
} | tee "$OUT/report"
