# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# dom0's card: 8 MiB to an echo server and back, by TCP.
head -c 8M /dev/urandom >/tmp/data
wait_for 20 ping -c 1 -W 1 10.0.2.2
timeout 50 nc -N 10.0.2.100 7 </tmp/data >/tmp/back
cmp /tmp/data /tmp/back || fail "came back different: $(stat -c %s /tmp/back) bytes of $(stat -c %s /tmp/data)"
