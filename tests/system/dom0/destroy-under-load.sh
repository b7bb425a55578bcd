# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Guests that are destroyed in the middle of disk and network work take nothing with them.
# seconds: 180
truncate -s 64M /tmp/load.img
cycle() {
    start_tiny one 'disk=["format=raw,vdev=xvda,access=rw,target=/tmp/load.img"]' \
        'vif=["bridge=xenbr0"]' 'extra="console=hvc0 quiet tiny.ip=10.0.2.51/24"'
    guest_run one '(while :; do dd if=/dev/urandom of=/dev/xvda bs=64k count=512 2>/dev/null; done) &'
    timeout 5 ping -q -f 10.0.2.51 >/dev/null || true
    sleep 2
    destroy one
}
# The first time, the backends take what they keep.
cycle
sleep 1
before=$(free_kib)
for _ in 1 2; do cycle; done
# What the hypervisor keeps for dom0's grant mappings grows with the most that were ever made
# at once, a page at a time. A guest's page that stayed would bring its domain with it.
almost_as_before() { local lost=$((before - $(free_kib))); [ $lost -ge -32 ] && [ $lost -le 32 ]; }
wait_for 20 almost_as_before || fail "free: $before KiB before, $(free_kib) after"
! xl list | grep -E 'null|--d' || fail "a domain is not dead yet"
