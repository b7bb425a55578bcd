# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl block-attach, -list, -detach: a file as a disk; what is written arrives.
# seconds: 90
need_shared
truncate -s 16M /tmp/disk.img
xl block-attach shared 'format=raw,vdev=xvdb,access=rw,target=/tmp/disk.img'
wait_for 20 guest_run shared 'test -b /dev/xvdb' 10
expect "the list" '^51728 ' xl block-list shared
expect "the size" '^32768$' guest_run shared 'cat /sys/block/xvdb/size'
sum=$(guest_run shared 'dd if=/dev/urandom of=/dev/xvdb bs=64k count=64 2>/dev/null; sync; head -c 4194304 /dev/xvdb | sha256sum' 30)
xl block-detach shared xvdb
wait_for 20 guest_run shared '! test -b /dev/xvdb' 10 || fail "the disk is still there"
[ "$sum" = "$(head -c 4M /tmp/disk.img | sha256sum)" ] || fail "the file holds something else: guest '$sum'"
