# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl mem-set (the balloon) and mem-max.
# seconds: 90
start_tiny one memory=160 maxmem=192
pages() { xl list one | awk 'NR == 2 { print $3 }'; }
has() { [ "$(pages)" = "$1" ]; }
xl mem-set one 128
wait_for 20 has 128 || fail "after mem-set 128: $(pages) MiB"
xl mem-set one 176
wait_for 20 has 176 || fail "after mem-set 176: $(pages) MiB"
guest_run one true
xl mem-max one 256
expect "the new limit" '"max_memkb": 262144|"maxmem": 262144|262144' xl list -l one
refuse "more than there is" 'fail|error|larger|exceed|cannot' xl mem-set one 100000
