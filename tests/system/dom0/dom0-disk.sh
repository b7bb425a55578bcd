# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# dom0's disk: what is written comes back, past the cache, and its interrupts arrive.
dd if=/dev/urandom of=/var/data bs=1M count=32 conv=fsync 2>/dev/null
one=$(sha256sum </var/data)
echo 3 >/proc/sys/vm/drop_caches
[ "$one" = "$(sha256sum </var/data)" ] || fail "the file changed"
rm /var/data
expect "interrupts" '(virtio[0-9]+-req|ahci|nvme[0-9]*q).*' grep -E '[1-9][0-9]* .*(virtio[0-9]+-req|ahci|nvme)' /proc/interrupts
