# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl shutdown: the guest goes down by itself, and its memory comes back to the byte.
# seconds: 90
tiny warm
xl create -q /run/warm.cfg
destroy warm
sleep 1
before=$(free_kib)
start_tiny one
[ "$(free_kib)" -lt $((before - 120 * 1024)) ] || fail "a guest of 128 MiB took $((before - $(free_kib))) KiB"
xl shutdown -w one
wait_for 20 is_absent one
wait_for 10 free_is "$before" || fail "free: $before KiB before, $(free_kib) after"
