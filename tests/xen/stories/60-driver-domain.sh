# A driver domain: `xl devd` there calls the scripts, not dom0
# limit: 500

[ "$SCRIPTS" = ours ] || exit 0

host_bridge
modprobe xen-blkback
mount /dev/vdb /mnt
cp /usr/sbin/vifctl /usr/sbin/vif-hook /mnt/usr/sbin
cp /lab/dom0/driver /mnt/driver
umount /mnt
cat >"$S/driver.cfg" <<-CFG
	name = "driver"
	type = "pv"
	driver_domain = 1
	memory = 256
	vcpus = 1
	kernel = "/boot/vmlinux"
	ramdisk = "/boot/driver-initrd.gz"
	extra = "console=hvc0 quiet net.ifnames=0"
	disk = [ "phy:/dev/vdb,xvda,w" ]
CFG

step 'the driver domain boots from a disk of its own and runs xl devd'
create driver
in_guest driver 'pgrep -ax xl; vifctl version; ls /dev/xen'

step 'a guest whose backend is there'
guest dora pv vif="mac=00:16:3e:00:0d:01,bridge=xenbr0,backend=driver" ip=10.3.0.2/24 gw=10.3.0.1
create dora
vif=vif$(domid dora).0
in_guest driver "cat /run/devd.log; ip -o link show master xenbr0; xenstore-read backend/vif/$(domid dora)/0/hotplug-status"
reach_from dora 10.3.0.1
in_guest driver "[ -e /sys/class/net/xenbr0/brif/$vif ] && ping -c 1 -W 5 10.3.0.2"
gone "$vif" || die "$vif is in dom0"

step 'xl destroy: nothing of the guest is left in the driver domain'
xl destroy dora
in_guest driver "for _ in \$(seq 50); do [ -e /sys/class/net/$vif ] || break; sleep 0.2; done; ! [ -e /sys/class/net/$vif ]"
in_guest driver 'find /run/vifctl -name "*.json"; [ -z "$(find /run/vifctl -name "*.json")" ]'
in_guest driver 'cat /run/devd.log'
xl destroy driver
nothing_left
