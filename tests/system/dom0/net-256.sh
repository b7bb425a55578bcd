# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# 256 MiB over TCP between two guests: checksums equal.
# seconds: 900
start_tiny one 'vif=["bridge=xenbr0"]' 'extra="console=hvc0 quiet tiny.ip=10.0.2.41/24"'
start_tiny two 'vif=["bridge=xenbr0"]' 'extra="console=hvc0 quiet tiny.ip=10.0.2.42/24"'
wait_for 20 ping -c 1 -W 1 10.0.2.42
guest_run two '(nc -l -p 5000 | sha256sum >/tmp/sum) &'
sent=$(guest_run one 'mkfifo /tmp/f; sha256sum </tmp/f >/tmp/sum & dd if=/dev/urandom bs=64k count=4096 2>/dev/null | tee /tmp/f | nc 10.0.2.42 5000; wait; cat /tmp/sum' 800)
wait_for 60 guest_run two 'test -s /tmp/sum' 10
got=$(guest_run two 'cat /tmp/sum')
[ "$sent" = "$got" ] || fail "sent '$sent', got '$got'"
