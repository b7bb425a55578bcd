# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The console both ways, and xenconsoled's log of it. xl console needs a terminal of its own.
need_shared
expect "a command over the console" '^Linux ' guest_run shared 'uname -a'
expect "the exit status" '^3$' bash -c '. /tests/lib.sh; trap - ERR; guest_run shared "exit_with() { return 3; }; exit_with" || echo $?'
expect "a long answer" '^999$' guest_run shared 'seq 999'
expect "xl console" 'answer-42' script -qec 'timeout --foreground 8 xl console shared' /dev/null < <(sleep 2; printf '\recho answer-$((6*7))\r'; sleep 4)
grep -aq 'guest ready' "$(guest_log shared)" || fail "xenconsoled's log has no 'guest ready'"
