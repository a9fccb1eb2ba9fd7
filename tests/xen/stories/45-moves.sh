# A guest is saved and restored, and migrates to the host it is on: reached again at once, and nothing of its old domain left
# limit: 500

[ "$SCRIPTS" = ours ] || exit 0

host_nat
# The world believes what is announced to it.
world sysctl -qw net.ipv4.conf.up0.arp_accept=1
configure <<-'TOML'
	[host]
	antispoof = "strict"
	gateway = "192.168.1.1"

	[[guest]]
	name = "mia"
	mode = "nat"
	address = ["192.168.1.2", "fd02::2"]
	public = ["203.0.113.44"]
TOML
# PVH: a PV guest cannot migrate live here, since this Xen is built without shadow paging.
guest mia pvh vif="mac=00:16:3e:00:0c:01,script=vif-nat" ip=192.168.1.2/32,fd02::2/128 gw=192.168.1.1,fe80::1

announced() { world ip neigh show to "$1" dev up0 | grep lladdr; }

# listen has the world ping the guest ten times a second and note the answers; hush ends it.
listen() {
	ip netns exec world ping -n -D -i 0.1 -W 1 203.0.113.44 >"$S/pings" 2>&1 &
	pinger=$!
}
hush() {
	kill "$pinger"
	wait "$pinger" || :
	tr -d '[]' <"$S/pings" | awk '/^[0-9]+\.[0-9]+ .*bytes from/ { print $1 }' >"$S/answers"
}
answers() { grep -c 'bytes from' "$S/pings"; }
answers_since() { [ "$(answers)" -gt "$1" ]; }

step 'xl create; xl save: nothing is left of it'
create mia
world_reaches 203.0.113.44
reach_from mia fd01::254
xl save mia "$S/mia.saved"
only_tables_left

step 'xl restore: announced before anybody asks, and reached again'
world ip neigh flush dev up0
xl restore "$S/mia.saved" &
eventually 90 'the address is announced' announced 203.0.113.44
wait $!
step 'saved and restored once more, with a client waiting for it'
xl save mia "$S/mia.saved"
listen
xl restore "$S/mia.saved"
done=$(date +%s.%N)
eventually 60 'the world hears of the guest' answers_since 0
hush
note "first answer $(awk -v done="$done" 'NR == 1 { printf "%.1f", $1 - done }' "$S/answers") s after xl was done"
reach_from mia fd01::254
seen_as mia 203.0.113.44

step 'xl migrate to the same host: the new domain’s port comes up before the old one’s goes'
listen
eventually 60 'the world hears of the guest' answers_since 0
was=$(domid mia)
xl migrate -s '' mia 'xl migrate-receive'
[ "$(domid mia)" != "$was" ] || die 'the domain id is the old one'
seen=$(answers)
eventually 60 'the world hears of the guest' answers_since "$seen"
hush
note "the longest silence was $(awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { printf "%.1f", gap }' "$S/answers") s"
# xenconsoled knows the guest by the name it came with.
ln -sf guest-mia--incoming.log "$console/guest-mia.log"
connected mia 0
routed "vif$(domid mia).0" 192.168.1.2 2
gone "vif$was.0" || die "vif$was.0 is still there"
reach_from mia fd01::254
seen_as mia 203.0.113.44

step 'a migration that fails: the old domain goes on as if nothing had been'
mkdir -p /etc/xen/scripts/vif-post.d
printf '[ "$command" != online ] || fatal "no room for another"\n' >/etc/xen/scripts/vif-post.d/full.hook
chmod 755 /etc/xen/scripts/vif-post.d/full.hook
was=$(domid mia)
refuses 'xl migrate succeeded' xl migrate -s '' mia 'xl migrate-receive'
sed 's/^/           | /' "$S/xl.out"
rm /etc/xen/scripts/vif-post.d/full.hook
equal 'domain id' "$was" "$(domid mia)"
world_reaches 203.0.113.44
reach_from mia fd01::254
seen_as mia 203.0.113.44

step 'xl destroy: nothing is left'
xl destroy mia
nothing_left
