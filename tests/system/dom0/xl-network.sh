# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl network-attach, -list, -detach; the guest sees the card come and go, and uses it.
# seconds: 90
need_shared
xl network-attach shared bridge=xenbr0 mac=00:16:3e:11:22:33
wait_for 20 guest_run shared 'test -d /sys/class/net/eth0' 10
expect "the list" '00:16:3e:11:22:33' xl network-list shared
guest_run shared 'ip addr add 10.0.2.31/24 dev eth0 && ip link set eth0 up'
wait_for 20 ping -c 1 -W 1 10.0.2.31 || fail "no answer to ping"
expect "ping from the guest" ' 0% packet loss' guest_run shared 'ping -c 3 -W 2 10.0.2.15' 20
expect "large packets" ' 0% packet loss' ping -c 3 -W 2 -s 8000 10.0.2.31
dev=$(xl network-list shared | awk '$3 == "00:16:3e:11:22:33" { print $1 }')
xl network-detach shared "$dev"
wait_for 20 guest_run shared '! test -d /sys/class/net/eth0' 10 || fail "the card is still there"
! xl network-list shared | grep -q 00:16:3e || fail "still listed"
