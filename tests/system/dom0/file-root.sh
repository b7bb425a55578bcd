# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A guest whose root disk is a file of dom0's: what it writes is in the file when it is down.
# seconds: 150
disk=/dev/disk/by-label/zendo-guest
mkdir -p /tmp/debian /tmp/tree
[ -b $disk ] || fail "no disk with Debian's initramfs"
mount -o ro,noload "$(readlink -f $disk)" /tmp/debian
cp -L /tmp/debian/boot/initrd.img /tmp/debian.img
umount /tmp/debian
(cd /tmp/tree && zcat /boot/zendo/tiny.img | busybox cpio -id bin/busybox && mkdir -p sbin proc sys dev run etc)
cat >/tmp/tree/sbin/init <<'INIT'
#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install /bin
mount -t proc proc /proc
mount -o remount,rw /
echo "guest ready"
while :; do setsid -c sh </dev/hvc0 >/dev/hvc0 2>&1; done
INIT
chmod +x /tmp/tree/sbin/init
mke2fs -q -t ext4 -d /tmp/tree /tmp/root.img 64M
start_tiny one 'kernel="/boot/vmlinuz"' 'ramdisk="/tmp/debian.img"' memory=256 \
    'disk=["format=raw,vdev=xvda,access=rw,target=/tmp/root.img"]' 'extra="root=/dev/xvda rw console=hvc0 quiet"'
expect "the root" ' / ext4 rw' guest_run one 'grep xvda /proc/mounts'
guest_run one 'echo written-by-the-guest >/word; sync; mount -o remount,ro /' 30
destroy one
expect "what the guest wrote" written-by-the-guest debugfs -R 'cat /word' /tmp/root.img
rm -f /tmp/root.img /tmp/debian.img
