# The calls that xl makes, recorded for tests that have no Xen
# limit: 1000
# fresh dom0

# Debian's own scripts answer; dom0/record notes what they are asked. The guests
# stay paused where no story needs them to run: the calls are the same.

use_scripts record
cd /root # so that a call from xl's daemon can be told from one by xl itself
mkdir "$S/calls"
label() {
	step "$1"
	echo "$1" >"$S/label"
}

host_bridge
ovs_up
ip link add eth1 type dummy
ip addr add 10.2.0.1/24 dev eth1
ip link set eth1 up

label pv-bridge-create
guest rec pv vif='mac=00:16:3e:00:00:01,bridge=xenbr0'
create rec
label pv-bridge-attach-named
xl network-attach rec mac=00:16:3e:00:00:02 bridge=xenbr0 vifname=rec-two mtu=1400 rate=1Mb/s ip=10.0.0.2
label pv-bridge-detach-named
xl network-detach rec 1
label pv-bridge-reboot
type_in rec '1 reboot -f'
up rec
connected rec 0
label pv-bridge-save
xl save rec "$S/rec.saved"
label pv-bridge-restore
xl restore "$S/rec.saved"
connected rec 0
label pv-bridge-poweroff
type_in rec '1 poweroff -f'
ended rec

label pv-route-create
guest rec pv vif="mac=00:16:3e:00:00:01,ip=10.2.0.5 10.2.0.6,script=vif-route,gatewaydev=eth1" driver=none
xl create -p "$S/rec.cfg"
label pv-route-destroy
xl destroy rec

label pv-nat-create
guest rec pv vif="mac=00:16:3e:00:00:01,ip=192.168.1.2,script=vif-nat,gatewaydev=eth1" driver=none
xl create -p "$S/rec.cfg"
label pv-nat-destroy
xl destroy rec

label pv-openvswitch-create
guest rec pv vif="mac=00:16:3e:00:00:01,bridge=ovs0.7,script=vif-openvswitch" driver=none
xl create -p "$S/rec.cfg"
label pv-openvswitch-destroy
xl destroy rec

label pvh-bridge-create
guest rec pvh vif='mac=00:16:3e:00:00:01,bridge=xenbr0'
create rec
label pvh-bridge-migrate
xl migrate -s '' rec 'xl migrate-receive'
label pvh-bridge-destroy
xl destroy rec

label hvm-bridge-create
guest rec hvm vif='mac=00:16:3e:00:00:01,bridge=xenbr0,vifname=rec-hvm' driver=none
xl create -p "$S/rec.cfg"
label hvm-bridge-attach-ioemu
xl network-attach rec type=ioemu mac=00:16:3e:00:00:02 bridge=xenbr0 || note 'Debian’s script fails: there is no tap'
label hvm-bridge-destroy
xl destroy rec

label hvm-route-create
guest rec hvm vif='mac=00:16:3e:00:00:01,ip=10.2.0.5,script=vif-route,gatewaydev=eth1' driver=none
xl create -p "$S/rec.cfg"
label hvm-route-destroy
xl destroy rec

label unknown-bridge
guest rec pv vif='mac=00:16:3e:00:00:01,bridge=nosuchbr' driver=none
refuses 'xl create succeeded on an unknown bridge' xl create -p "$S/rec.cfg"

cp -r "$S/calls" "$OUT/calls"
for call in "$OUT"/calls/*; do
	note "$(cat "$call/label"): $(cat "$call/script") $(tr '\0' ' ' <"$call/args")-> $(cat "$call/status")"
done
