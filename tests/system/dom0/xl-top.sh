# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl top on a terminal: its table, and the key that ends it.
need_shared
{ sleep 4; printf 'q'; sleep 1; } | TERM=vt100 timeout 20 script -qc 'stty rows 24 cols 100; xl top' /tmp/top >/dev/null || true
expect "its title" 'xentop - ' cat /tmp/top
expect "dom0" 'Domain-0' cat /tmp/top
expect "the guest" 'shared' cat /tmp/top
! pgrep xentop || fail "xentop runs on after q"
