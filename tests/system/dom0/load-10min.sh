# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Four guests with disk and network load for ten minutes: no error in any log.
# seconds: 1500
# The consoles show the commands too: there the words of an error are quoted apart.
for i in 1 2 3 4; do
    truncate -s 64M "/var/load$i.img"
    start_tiny "l$i" "disk=[\"format=raw,vdev=xvda,access=rw,target=/var/load$i.img\"]" \
        'vif=["bridge=xenbr0"]' "extra=\"console=hvc0 quiet tiny.ip=10.0.2.6$i/24\""
    guest_run "l$i" "(while :; do dd if=/dev/urandom of=/dev/xvda bs=64k count=512 2>/dev/null || echo DISK\"-\"ERROR; sleep 1; done) >/dev/hvc0 2>&1 &"
    guest_run "l$i" "(while :; do ping -q -c 20 -i 0.2 10.0.2.15 >/dev/null || echo NET\"-\"ERROR; done) >/dev/hvc0 2>&1 &"
done
xl dmesg -c >/dev/null
dmesg -C
end=$((SECONDS + 600))
while [ $SECONDS -lt $end ]; do
    sleep 20
    for i in 1 2 3 4; do guest_run "l$i" true 60 || fail "l$i does not answer"; done
done
for i in 1 2 3 4; do
    ! guest_output "l$i" 0 | grep -E 'DISK-ERROR|NET-ERROR|I/O error|BUG|Oops|soft lockup|rcu.*stall' || fail "l$i complains"
done
! dmesg | grep -Ei 'error|BUG|Oops|lockup|stall' || fail "dom0's log complains"
! xl dmesg | grep -Ei 'error|bug|fault|panic' || fail "the hypervisor's log complains"
