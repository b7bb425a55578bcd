# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A guest that reboots or powers off: the other on_reboot actions (xl-reboot has restart), and
# on_poweroff's.
# seconds: 200
restarted() { local now; now=$(xl domid one 2>/dev/null) && [ "$now" != "$1" ]; }

# start EVENT ACTION COMMAND: a guest that does it; its number is in $id.
start() {
    start_tiny one "$1=\"$2\""
    id=$(xl domid one)
    guest_run one "(sleep 1; busybox $3 -f) &" 10
}

start on_reboot destroy reboot
wait_for 30 is_absent one || fail "on_reboot=destroy left $(domain_state one)"

start on_reboot preserve reboot
wait_for 30 in_state one '*sr-' || fail "on_reboot=preserve: state $(domain_state one)"
[ "$(xl domid one)" = "$id" ] || fail "on_reboot=preserve: another domain"
destroy one

start on_reboot rename-restart reboot
wait_for 30 restarted "$id" || fail "on_reboot=rename-restart made no new domain"
old=$(xl domname "$id")
[[ $old == one-* ]] || fail "on_reboot=rename-restart: the old domain is called '$old'"
destroy "$old"
destroy one

start on_poweroff preserve poweroff
wait_for 30 in_state one '*s--' || fail "on_poweroff=preserve: state $(domain_state one)"
destroy one

start on_poweroff restart poweroff
wait_for 30 restarted "$id" || fail "on_poweroff=restart made no new domain"
