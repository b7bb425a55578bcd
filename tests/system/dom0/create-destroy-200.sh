# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# 200 guests come and go: free memory is the same to the page.
# seconds: 2400
cycle() { tiny "c$1"; xl create -q "/run/c$1.cfg"; destroy "c$1"; rm -f "$(guest_log "c$1")"; }
cycle 0
sleep 1
before=$(free_kib)
for i in $(seq 200); do cycle "$i"; done
wait_for 10 free_is "$before" || fail "free: $before KiB before, $(free_kib) after"
