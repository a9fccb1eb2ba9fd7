# Three HVM guests on private addresses behind the uplink's one MAC, each with a public address of its own
# limit: 1000

[ "$SCRIPTS" = ours ] || exit 0

host_nat
{
	printf '[host]\nantispoof = "strict"\ngateway = "192.168.1.1"\n'
	for n in 2 3 4; do
		printf '[[guest]]\nname = "win%s"\nmode = "nat"\naddress = ["192.168.1.%s"]\npublic = ["203.0.113.%s"]\n' $n $n 4$n
	done
} | configure

# at_home N expects guest N to be reached from outside, and seen outside with its own address.
at_home() {
	world_reads "win$1" "203.0.113.4$1" 80
	seen_as "win$1" "203.0.113.4$1"
}

# One after the other: three that boot at once take an emulated machine twice as long.
for n in 2 3 4; do
	step "win$n: over its emulated NIC, reached from outside and seen outside with its own address"
	guest win$n hvm vif="mac=00:16:3e:00:0a:0$n,script=vif-nat,vifname=win$n" driver=8139cp ip=192.168.1.$n/32 gw=192.168.1.1
	launch win$n
	routed win$n-emu 192.168.1.$n 1
	routed win$n 192.168.1.$n 2
	up win$n 300
	serves win$n 80
	at_home $n
done

step 'all three at once; outside, all of them have the uplink’s MAC, and their private addresses lead nowhere'
world ip neigh flush dev up0
world ip route add 192.168.1.0/24 via 10.1.0.1
for n in 2 3 4; do
	at_home $n
	equal "the world's neighbour 203.0.113.4$n" "$(cat /sys/class/net/eth0/address)" \
		"$(world ip -o neigh show to 203.0.113.4$n dev up0 | sed 's/.*lladdr \([^ ]*\).*/\1/')"
	refuses "the world reaches 192.168.1.$n" world ping -n -c 1 -W 1 192.168.1.$n
done

step 'their PV drivers take over: the taps go, the public addresses stay'
for n in 2 3 4; do
	in_guest win$n 'rmmod 8139cp && unplug && driver xen-netfront && addresses'
	goes win$n-emu
	connected win$n 0
	routed win$n 192.168.1.$n 2
done
for n in 2 3 4; do at_home $n; done
reads win2 203.0.113.43 / win3

step 'one powers off and one is destroyed: the third goes on; then empty tables are left'
type_in win2 '1 poweroff -f'
xl destroy win3
at_home 4
ended win2
xl destroy win4
only_tables_left
