# How long each xl command takes, with Debian's scripts and with ours
# limit: 400

# Paused guests: what is timed is the toolstack and the script. Each figure is the
# median of three, and the two sets take turns, so that a busy machine is unfair to
# both alike.
rounds=3

host_bridge
sysctl -qw net.ipv4.ip_forward=1
guest timed-bridge pv vif='mac=00:16:3e:00:08:01,bridge=xenbr0' driver=none
guest timed-route pv vif='mac=00:16:3e:00:08:01,ip=10.0.0.8,script=vif-route,gatewaydev=xenbr0' driver=none
guest timed-hvm hvm vif='mac=00:16:3e:00:08:01,bridge=xenbr0' driver=none
mkdir "$S/times"

# timed SET NAME COMMAND… notes how long xl took.
timed() {
	local file="$S/times/$2 $1"
	shift 2
	xl "$@" >/dev/null
	echo "$XL_SECONDS" >>"$file"
}

for round in $(seq $rounds); do
	for set in stock ours; do
		use_scripts $set
		for mode in bridge route; do
			timed $set "$mode: create -p" create -p "$S/timed-$mode.cfg"
			timed $set "$mode: network-attach" network-attach "timed-$mode" mac=00:16:3e:00:08:02 bridge=xenbr0 \
				script=vif-$mode gatewaydev=xenbr0 ip=10.0.0.9
			timed $set "$mode: destroy" destroy "timed-$mode"
		done
	done
done
for round in 1 2; do
	for set in stock ours; do
		use_scripts $set
		timed $set 'bridge, HVM: create -p' create -p "$S/timed-hvm.cfg"
		timed $set 'bridge, HVM: destroy' destroy timed-hvm
	done
done

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
{
	printf '%-28s %9s %9s\n' 'xl command (seconds, median)' "Debian's" ours
	for file in "$S"/times/*\ ours; do
		name=${file##*/}
		name=${name% ours}
		printf '%-28s %9s %9s\n' "$name" "$(median "$S/times/$name stock")" "$(median "$file")"
	done
} | tee "$OUT/report"
