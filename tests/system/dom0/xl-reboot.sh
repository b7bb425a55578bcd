# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl reboot, and a guest that reboots itself: the same name, a new number.
# seconds: 120
start_tiny one 'on_reboot="restart"'
id=$(xl domid one)
rm -f "$(guest_log one)"
pkill -HUP xenconsoled
xl reboot one
restarted() { local now; now=$(xl domid one 2>/dev/null) && [ "$now" != "$1" ]; }
wait_for 40 restarted "$id" || fail "no new domain after xl reboot"
guest_wait_up one 60
id=$(xl domid one)
guest_run one '(sleep 1; busybox reboot -f) &' 10
wait_for 40 restarted "$id" || fail "no new domain after the guest's own reboot"
