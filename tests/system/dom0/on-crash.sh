# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A guest that panics: on_crash destroy, preserve, restart; others live on.
# seconds: 150
need_shared
crash() { guest_run one '(sleep 1; echo c >/proc/sysrq-trigger) &' 10; }
start_tiny one 'on_crash="destroy"'
crash
wait_for 30 is_absent one || fail "on_crash=destroy left $(domain_state one)"
start_tiny one 'on_crash="preserve"'
crash
wait_for 30 in_state one '*c-' || fail "on_crash=preserve: state $(domain_state one)"
destroy one
start_tiny one 'on_crash="restart"'
id=$(xl domid one)
crash
restarted() { local now; now=$(xl domid one 2>/dev/null) && [ "$now" != "$1" ]; }
wait_for 30 restarted "$id" || fail "on_crash=restart made no new domain"
guest_run shared true 10 || fail "the crash of one guest stopped another"
