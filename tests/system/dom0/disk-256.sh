# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# 256 MiB written and read back through blkback: checksums equal.
# seconds: 900
truncate -s 256M /var/disk.img
start_tiny one 'disk=["format=raw,vdev=xvda,access=rw,target=/var/disk.img"]'
# In whole blocks: a part of a page would be read before it is written.
wrote=$(guest_run one 'mkfifo /tmp/f; sha256sum </tmp/f >/tmp/sum & dd if=/dev/urandom bs=64k count=4096 2>/dev/null | tee /tmp/f | dd of=/dev/xvda obs=64k 2>/dev/null; wait; cat /tmp/sum' 600)
guest_run one 'sync; echo 3 >/proc/sys/vm/drop_caches' 60
read -r back < <(guest_run one 'sha256sum </dev/xvda' 300)
[ "$wrote" = "$back" ] || fail "wrote '$wrote', read '$back'"
destroy one
[ "$(sha256sum </var/disk.img)" = "$wrote" ] || fail "dom0's file differs"
