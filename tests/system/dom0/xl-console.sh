# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The console both ways, and xenconsoled's log of it. xl console wants a terminal of its own.
need_shared
expect "a command over the console" '^Linux ' guest_run shared 'uname -a'
status=0
guest_run shared 'sh -c "exit 3"' || status=$?
[ $status = 3 ] || fail "the exit status of 'exit 3' came back as $status"
expect "a long answer" '^999$' guest_run shared 'seq 999'
{ sleep 2; printf '\recho answer-$((6*7))\r'; sleep 3; } |
    script -qc 'timeout --foreground 6 xl console shared' /dev/null >/tmp/console || true
expect "xl console" 'answer-42' cat /tmp/console
grep -aq 'guest ready' "$(guest_log shared)" || fail "xenconsoled's log has no 'guest ready'"
expect "the hypervisor's log" '\(XEN\)' cat /var/log/xen/console/hypervisor.log
