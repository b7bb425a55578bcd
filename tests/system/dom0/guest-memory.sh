# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A guest's memory holds what it is given; processes come and go in numbers.
# seconds: 90
need_shared
expect "memory" '^1$' guest_run shared \
    'dd if=/dev/urandom of=/tmp/a bs=64k count=96 2>/dev/null; cp /tmp/a /tmp/b; cat /tmp/a | sha256sum >/tmp/s; cat /tmp/b | sha256sum >>/tmp/s; sort -u /tmp/s | wc -l; rm /tmp/a /tmp/b' 60
expect "processes" '^200$' guest_run shared 'i=0; while [ $i -lt 200 ]; do busybox true && i=$((i+1)); done; echo $i' 60
