# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The packaged PV boot loader and a disk as an installer leaves it: a partition table, root by label.
# seconds: 180
disk=/dev/$(lsblk -rno NAME,TYPE,PKNAME | awk '$2 == "part" { print $3; exit }')
[ -b "$disk" ] || fail "dom0 sees no partitioned disk: $(lsblk -rn)"
sed -e 's|^bootloader.*|kernel = "/usr/lib/grub-xen/grub-x86_64-xen.bin"|' -e '/^extra/d' \
    -e "s|^disk.*|disk = [ 'phy:$disk,xvda,w' ]|" /etc/xen/debian.cfg >/run/debian.cfg
rm -f "$(guest_log debian)"
xl create -q /run/debian.cfg
guest_wait_up debian 150 || fail "does not come up: $(guest_output debian 0 | tail -n 3 | tr '\n' ' ')"
expect "the root" '^/dev/xvda1 .* /$' guest_run debian 'df / | tail -n 1'
