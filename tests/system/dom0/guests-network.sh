# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Two guests talk over the bridge: the checksums of 4 MiB agree.
# seconds: 150
start_tiny one 'vif=["bridge=xenbr0"]' 'extra="console=hvc0 quiet tiny.ip=10.0.2.41/24"'
start_tiny two 'vif=["bridge=xenbr0"]' 'extra="console=hvc0 quiet tiny.ip=10.0.2.42/24"'
wait_for 20 ping -c 1 -W 1 10.0.2.42
guest_run two 'nc -l -p 5000 >/tmp/got 2>/dev/null &'
sent=$(guest_run one 'dd if=/dev/urandom of=/tmp/data bs=64k count=64 2>/dev/null; nc 10.0.2.42 5000 </tmp/data; sha256sum </tmp/data' 60)
got=$(guest_run two 'wait; sha256sum </tmp/got' 30)
[ "$sent" = "$got" ] || fail "sent '$sent', got '$got'"
