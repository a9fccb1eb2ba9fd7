# What xl says when a port cannot come up, and what is left: nothing
# limit: 500

host_bridge

# fails NAME TEXT runs `xl create`, which must fail, saying TEXT.
fails() {
	local rc=0
	xl create "$S/$1.cfg" || rc=$?
	equal "xl's exit code" 3 $rc
	grep -q -- "$2" "$S/xl.out" || die "xl does not say '$2'"
	absent "$1" || die "the guest $1 exists all the same"
}

step 'an unknown bridge'
guest mallory pv vif='mac=00:16:3e:00:06:01,bridge=nosuchbr' ip=10.0.0.6/24 gw=10.0.0.1
fails mallory 'nosuchbr'
nothing_left

step 'corrected, it comes up'
guest mallory pv vif='mac=00:16:3e:00:06:01,bridge=xenbr0,vifname=taken' ip=10.0.0.6/24 gw=10.0.0.1
create mallory
connected mallory 0
reach 10.0.0.6

step 'a vifname that another guest has: refused, and the other goes on'
guest trudy pv vif='mac=00:16:3e:00:06:02,bridge=xenbr0,vifname=taken' ip=10.0.0.7/24 gw=10.0.0.1
fails trudy 'taken'
connected mallory 0
reach 10.0.0.6
guest trudy pv vif='mac=00:16:3e:00:06:02,bridge=xenbr0,vifname=free' ip=10.0.0.7/24 gw=10.0.0.1
create trudy
reach 10.0.0.7
xl destroy trudy

step 'an address that is none, in route mode'
guest trudy pv vif='mac=00:16:3e:00:06:02,ip=10.0.0.300,script=vif-route,gatewaydev=xenbr0' ip=10.0.0.7/24 gw=10.0.0.1
fails trudy '10.0.0.300'
guest trudy pv vif='mac=00:16:3e:00:06:02,ip=10.0.0.30,script=vif-route,gatewaydev=xenbr0' driver=none
xl create -p "$S/trudy.cfg"
equal 'hotplug-status' connected "$(backend trudy 0 hotplug-status)"
routed "vif$(domid trudy).0" 10.0.0.30 2
xl destroy trudy

step 'an attach that fails leaves the guest and its first NIC alone'
rc=0
xl network-attach mallory mac=00:16:3e:00:06:03 bridge=nosuchbr || rc=$?
[ $rc != 0 ] || die 'xl network-attach succeeded'
grep -q nosuchbr "$S/xl.out" || die "xl does not say 'nosuchbr'"
# Xen leaves the NIC behind, and calls nothing until it is detached.
exists "vif$(domid mallory).1"
note "hotplug-error: $(backend mallory 1 hotplug-error)"
equal 'hotplug-status' error "$(backend mallory 1 hotplug-status)"
xl network-detach mallory 1
reach 10.0.0.6

# Debian's scripts have no configuration.
if [ "$SCRIPTS" = ours ]; then
	step 'a configuration with a mistake: nothing comes up, and what is up goes on'
	printf '[host]\nantispoof = "stritc"\n' >/etc/xen/vifctl.toml
	guest trudy pv vif='mac=00:16:3e:00:06:02,bridge=xenbr0' ip=10.0.0.7/24 gw=10.0.0.1
	fails trudy 'vifctl.toml:2.*stritc'
	reach 10.0.0.6
	configure <<<'host.antispoof = "off"'
	xl create -p "$S/trudy.cfg"
	equal 'hotplug-status' connected "$(backend trudy 0 hotplug-status)"
	xl destroy trudy
fi

step 'destroyed, nothing is left'
xl destroy mallory
nothing_left
