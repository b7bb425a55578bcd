# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Neither dom0's kernel nor the hypervisor complained so far.
! dmesg | grep -E 'BUG:|Oops|Call Trace|soft lockup|rcu.*stall|general protection' || fail "dom0's log"
! xl dmesg | grep -Ei 'panic|assert|fatal|BUG at' || fail "the hypervisor's log"
