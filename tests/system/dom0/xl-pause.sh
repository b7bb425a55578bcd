# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl pause and unpause; xl create -p.
start_tiny one
xl pause one
wait_for 10 in_state one '*p---' || fail "state $(domain_state one) after pause"
! guest_run one true 3 >/dev/null || fail "a paused guest answered"
xl unpause one
guest_run one true 20 || fail "no answer after unpause"
destroy one
tiny one
xl create -q -p /run/one.cfg
in_state one '*p---' || fail "state $(domain_state one) after create -p"
sleep 2
[ ! -s "$(guest_log one)" ] || fail "the guest ran while it was paused"
xl unpause one
guest_wait_up one 60
