# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl dump-core: an ELF core with the guest's pages, and the guest goes on.
# seconds: 90
start_tiny one memory=96
xl dump-core one /tmp/core >/dev/null
expect "ELF" '^7f 45 4c 46 02' bash -c 'od -An -tx1 -N5 /tmp/core | sed "s/^ //"'
size=$(stat -c %s /tmp/core)
[ "$size" -gt $((90 << 20)) ] || fail "the core has only $size bytes"
rm /tmp/core
guest_run one true 20 || fail "the guest does not answer after the dump"
