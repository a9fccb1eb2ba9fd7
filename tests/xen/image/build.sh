#!/bin/sh
# Builds what the lab boots, into the directory given: Xen, the dom0's kernel,
# its initramfs and its root file system, which also holds the guests' kernel and
# initramfs. A driver domain has the same root file system.
# Needs root (mmdebstrap, file owners) and nothing but Debian's packages, from
# the apt sources this machine already has.
#
# usage: build.sh OUTDIR
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
out=$1
xen=4.17
work=$out/work
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

say() { printf '%s  image: %s\n' "$(date +%T)" "$*"; }

# apt_sources prints this machine's own Debian sources, and no third party's.
apt_sources() {
	apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' | sort -u
}

# modules_wanted lists what dom0 and the guests may load, below kernel/.
modules_wanted() {
	cat <<-'LIST'
		crypto lib net fs/9p fs/netfs fs/fscache fs/ext4 fs/jbd2 fs/mbcache.ko fs/nls
		drivers/xen drivers/virtio drivers/block drivers/net/xen-netback
		drivers/net/xen-netfront.ko drivers/net/tun.ko drivers/net/tap.ko drivers/net/dummy.ko
		drivers/net/veth.ko drivers/net/macvlan.ko drivers/net/bonding drivers/net/vxlan
		drivers/net/geneve.ko drivers/net/net_failover.ko drivers/net/mii.ko
		drivers/net/ethernet/realtek arch/x86/crypto
	LIST
}

# unpack_kernel BZIMAGE ELF takes the kernel proper out of its wrapping (the
# kernel's Documentation/x86/boot.rst: setup_sects, payload_offset and _length),
# so that emulated machines need not. Its last four bytes are a size, not xz.
unpack_kernel() {
	sectors=$(od -An -tu1 -j 497 -N 1 "$1")
	start=$(($(od -An -tu4 -j 584 -N 4 "$1") + (sectors + 1) * 512))
	length=$(($(od -An -tu4 -j 588 -N 4 "$1") - 4))
	tail -c +$((start + 1)) "$1" | head -c "$length" | xz -dc >"$2"
}

# initramfs FILE packs the current directory.
initramfs() { find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | gzip -1 >"$1"; }

# insmods DIR MODULE… copies modules and what they need into DIR/modules,
# numbered in the order in which plain insmod can load them.
insmods() {
	dir=$1
	shift
	mkdir -p "$dir/modules"
	n=10
	modprobe -d "$work/modroot" -S "$kver" -D --ignore-install -a "$@" | while read -r verb ko _; do
		[ "$verb" = insmod ] || continue
		base=$(basename "$ko")
		ls "$dir/modules/"??-"$base" >/dev/null 2>&1 && continue
		cp "$ko" "$dir/modules/$n-$base"
		n=$((n + 1))
	done
}

say "fetching Xen $xen and a kernel"
if [ -z "$(apt-cache madison "xen-hypervisor-$xen-amd64")" ] || [ -z "$(apt_sources)" ]; then
	echo "apt offers no xen-hypervisor-$xen-amd64 here: the laboratory is made of Debian 12's packages (apt-get update?)" >&2
	exit 1
fi
kernel=$(apt-cache depends linux-image-amd64 | awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }')
mkdir -p "$work/debs"
(cd "$work/debs" && apt-get -q -o APT::Sandbox::User=root download "xen-hypervisor-$xen-amd64" "$kernel")
kver=${kernel#linux-image-}
kver=${kver%-unsigned}

say "unpacking $kver"
mkdir -p "$work/xen" "$work/kernel" "$work/modroot/lib/modules/$kver"
dpkg-deb --fsys-tarfile "$work"/debs/xen-hypervisor-*.deb | tar -x -C "$work/xen" --wildcards './boot/*'
gzip -dc "$work"/xen/boot/xen-$xen-amd64.gz >"$out/xen"
dpkg-deb --fsys-tarfile "$work"/debs/linux-image-*.deb |
	tar -x -C "$work/kernel" "./boot/vmlinuz-$kver" "./lib/modules/$kver"
cp "$work/kernel/boot/vmlinuz-$kver" "$out/vmlinuz"
unpack_kernel "$out/vmlinuz" "$out/vmlinux"
src=$work/kernel/lib/modules/$kver
dst=$work/modroot/lib/modules/$kver
cp "$src"/modules.order "$src"/modules.builtin* "$dst/"
for path in $(modules_wanted); do
	[ -e "$src/kernel/$path" ] || { say "kernel $kver has no kernel/$path"; continue; }
	mkdir -p "$dst/kernel/$(dirname "$path")"
	cp -r "$src/kernel/$path" "$dst/kernel/$path"
done
depmod -b "$work/modroot" "$kver"

say "initramfs of dom0"
mkdir -p "$work/initrd/bin"
cp /bin/busybox "$work/initrd/bin/busybox"
cp "$here/initrd-init" "$work/initrd/init"
insmods "$work/initrd" virtio_pci virtio_blk 9p 9pnet_virtio ext4 crc32c_generic
(cd "$work/initrd" && initramfs "$out/dom0-initrd.gz")

say "initramfs of the guest"
mkdir -p "$work/guest/bin"
cp /bin/busybox "$work/guest/bin/busybox"
cp "$here/../guest/init" "$work/guest/init"
(cd "$here/.." && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$work/guest/bin/unplug" ./guest/unplug)
insmods "$work/guest" xen-netfront 8139cp
(cd "$work/guest" && initramfs "$out/guest-initrd.gz")

say "initramfs of a driver domain"
mkdir -p "$work/driver/bin"
cp /bin/busybox "$work/driver/bin/busybox"
cp "$here/driver-init" "$work/driver/init"
insmods "$work/driver" xen-blkfront ext4 crc32c_generic
(cd "$work/driver" && initramfs "$out/driver-initrd.gz")

say "root file system of dom0"
packages=$(sed 's/#.*//' "$here/packages" | tr '\n' ' ')
apt-config dump | grep -E '^Acquire::(Check|Retries|.*[Pp]roxy)' >"$work/apt.conf" || :
apt_sources >"$work/sources.list"
mmdebstrap --quiet --mode=root --format=directory --variant=essential \
	--aptopt="$work/apt.conf" \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
	--include="$(echo $packages | tr ' ' ',')" \
	"" "$work/root" "$work/sources.list"
root=$work/root
mkdir -p "$root/lab" "$root/lib/modules"
cp -r "$work/modroot/lib/modules/$kver" "$root/lib/modules/"
cp -r "$root/etc/xen/scripts" "$root/usr/lib/xen-stock-scripts"
cp "$out/vmlinuz" "$out/vmlinux" "$out/guest-initrd.gz" "$out/driver-initrd.gz" "$root/boot/"
echo dom0 >"$root/etc/hostname"

# An HVM guest's first disk: GRUB, which reads everything else from a tar archive
# that is the second disk. Xen's own way to boot a kernel in an HVM guest reads it
# through an I/O port, byte by byte: 40 s under emulation.
echo 'source (hd1)/grub.cfg' >"$root/boot/embedded.cfg"
chroot "$root" grub-mkimage -O i386-pc -p / -c /boot/embedded.cfg -o /boot/core.img \
	biosdisk tar normal configfile linux
cat "$root/usr/lib/grub/i386-pc/boot.img" "$root/boot/core.img" >"$root/boot/grub.img"
truncate -s 1M "$root/boot/grub.img"
rm "$root/boot/embedded.cfg" "$root/boot/core.img"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*

say "disk image"
mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$root" "$out/dom0.ext4" 1200M
say "done: $(du -sh --apparent-size "$out/dom0.ext4" | cut -f1) root, $(ls "$out" | tr '\n' ' ')"
