# Three guests on private addresses behind the uplink's one MAC, each with a public address of its own; one is HVM
# limit: 700

[ "$SCRIPTS" = ours ] || exit 0

# Two of them are PV: three HVM guests at once take an emulated machine many minutes to boot.
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

step 'two PV guests: reached from outside, and seen outside, each with its own address'
for n in 3 4; do
	guest win$n pv vif="mac=00:16:3e:00:0a:0$n,script=vif-nat,vifname=win$n" ip=192.168.1.$n/32 gw=192.168.1.1
	create win$n
	routed win$n 192.168.1.$n 2
	serves win$n 80
	at_home $n
done

step 'an HVM guest beside them: the same over its emulated NIC'
guest win2 hvm vif='mac=00:16:3e:00:0a:02,script=vif-nat,vifname=win2' driver=8139cp ip=192.168.1.2/32 gw=192.168.1.1
launch win2
routed win2-emu 192.168.1.2 1
routed win2 192.168.1.2 2
up win2 420
serves win2 80
for n in 2 3 4; do at_home $n; done

step 'outside, all of them have the uplink’s MAC; their private addresses lead nowhere'
for n in 2 3 4; do
	equal "the world's neighbour 203.0.113.4$n" "$(cat /sys/class/net/eth0/address)" \
		"$(world ip -o neigh show to 203.0.113.4$n dev up0 | sed 's/.*lladdr \([^ ]*\).*/\1/')"
done
world ip route add 192.168.1.0/24 via 10.1.0.1
refuses 'the world reaches 192.168.1.3' world ping -n -c 2 -W 2 192.168.1.3

step 'the HVM guest’s PV driver takes over: the tap goes, the public address stays'
in_guest win2 'rmmod 8139cp && unplug && driver xen-netfront && addresses'
goes win2-emu
connected win2 0
routed win2 192.168.1.2 2
at_home 2
reads win2 203.0.113.43 / win3

step 'power-off from inside, and xl destroy: empty tables are left'
type_in win2 '1 poweroff -f'
xl destroy win3
at_home 4
xl destroy win4
ended win2
only_tables_left
