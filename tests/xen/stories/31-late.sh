# Taps that come late, a call that is killed, and a xenstored that hangs
# limit: 500

[ "$SCRIPTS" = ours ] || exit 0

host_bridge
vifctl watch 2>"$OUT/watch" &
watcher=$!
eventually 20 'the watcher watches' grep -q watching "$OUT/watch"
mac=00:16:3e:00:0b

# slow COMMAND has a hook run the command on the way up, and say so beforehand.
slow() {
	mkdir -p /etc/xen/scripts/vif-post.d
	cat >/etc/xen/scripts/vif-post.d/slow.hook <<-HOOK
		if [ "\$command" = online ]; then
			echo running >$S/hook
			$1
		fi
	HOOK
	chmod 755 /etc/xen/scripts/vif-post.d/slow.hook
	rm -f "$S/hook"
}
no_longer_slow() { rm /etc/xen/scripts/vif-post.d/slow.hook; }

step 'network-attach type=ioemu to a running guest: the vif works, although Xen makes no tap'
guest hans hvm vif="mac=$mac:01,bridge=xenbr0,vifname=hans" driver=none
xl create -p "$S/hans.cfg"
id=$(domid hans)
xl network-attach hans type=ioemu "mac=$mac:02" bridge=xenbr0 vifname=late
equal 'master of late' xenbr0 "$(link_field late master)"
equal 'hotplug-status' connected "$(backend hans 1 hotplug-status)"

step 'its tap comes seconds later: the watcher brings it up'
sleep 3
ip tuntap add "vif$id.1-emu" mode tap
eventually 30 'late-emu joins the bridge' gives xenbr0 link_field late-emu master
equal 'MAC of late-emu' fe:ff:ff:ff:ff:ff "$(link_field late-emu link/ether)"
ip link del late-emu
xl network-detach hans 1
xl destroy hans
kill "$watcher"
wait "$watcher" || :
sed 's/^/           | /' "$OUT/watch"
nothing_left

step 'our process is killed during online: xl says so, and the next create succeeds'
guest kim pv vif="mac=$mac:03,bridge=xenbr0" driver=none
slow 'sleep 30'
(S=$S/kim && mkdir "$S" && xl create -p /run/lab/kim.cfg || exit 1) &
job=$!
eventually 60 'the hook runs' test -s "$S/hook"
pgrep -f 'vif-bridge online' | xargs kill -9
refuses 'xl create succeeded' wait "$job"
no_longer_slow
absent kim || die 'the guest is there all the same'
nothing_left
xl create -p "$S/kim.cfg"
equal 'hotplug-status' connected "$(backend kim 0 hotplug-status)"
xl destroy kim
nothing_left

# hung_create makes xenstored hang in the middle of `xl create kim`, in job $job.
hung_create() {
	slow 'kill -STOP $(pgrep -x oxenstored)'
	rm -rf "$S/kim"
	(S=$S/kim && mkdir "$S" && xl create -p /run/lab/kim.cfg || exit 1) &
	job=$!
	eventually 60 'the hook runs' test -s "$S/hook"
	call=$(pgrep -f 'vif-bridge online')
}
awake() { pkill -CONT -x oxenstored; }

step 'xenstored hangs for five seconds: the call waits, and succeeds'
hung_create
sleep 5
awake
wait "$job"
no_longer_slow
equal 'hotplug-status' connected "$(backend kim 0 hotplug-status)"
xl destroy kim
nothing_left

step 'xenstored hangs for longer: the call ends by itself, before libxl’s 40 s'
hung_create
while kill -0 "$call" 2>/dev/null; do sleep 0.5; done
awake
refuses 'xl create succeeded' wait "$job"
! grep "$killed" "$S/kim/xl.out" || die 'libxl has killed it'
no_longer_slow
nothing_left
xl create -p "$S/kim.cfg"
equal 'hotplug-status' connected "$(backend kim 0 hotplug-status)"
xl destroy kim
nothing_left
