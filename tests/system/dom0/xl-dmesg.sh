# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl dmesg: the hypervisor's log with what guests write to it (guest_loglvl=all), and clearing it.
# exercises: XEN_SYSCTL_readconsole
expect "the log" '\(XEN\)' xl dmesg
xl dmesg -c >/dev/null
lines=$(xl dmesg | wc -l)
[ "$lines" -lt 10 ] || fail "$lines lines are left after xl dmesg -c"
start_tiny one
expect "a guest's lines" "\\(d$(xl domid one)\\) " xl dmesg
