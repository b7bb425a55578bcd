# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl vcpu-list, vcpu-set, vcpu-pin; both processors of the guest work.
# seconds: 90
need_shared
expect "vcpu-list" '^shared +[0-9]+ +1 +[0-9-]+ +[r-][b-]- ' xl vcpu-list shared
expect "the guest's processors" '^2$' guest_run shared 'grep -c ^processor /proc/cpuinfo'
xl vcpu-pin shared 1 0
expect "pinned" '^shared +[0-9]+ +1 +(0|-) +[r-][b-]- +[0-9.]+ +0 / ' xl vcpu-list shared
guest_run shared 'taskset 2 true 2>/dev/null || true' 20
xl vcpu-pin shared all all
expect "unpinned" '^shared +[0-9]+ +1 .* all / ' xl vcpu-list shared
xl vcpu-set shared 1
offline() { [ "$(guest_run shared 'cat /sys/devices/system/cpu/online' 10)" = "$1" ]; }
wait_for 20 offline 0 || fail "online after vcpu-set 1: $(guest_run shared 'cat /sys/devices/system/cpu/online')"
xl vcpu-set shared 2
guest_run shared 'echo 1 >/sys/devices/system/cpu/cpu1/online' 20 || true
wait_for 20 offline 0-1 || fail "online after vcpu-set 2: $(guest_run shared 'cat /sys/devices/system/cpu/online')"
refuse "pinning to a processor that is not there" 'fail|error|could not|invalid|empty' xl vcpu-pin shared 0 99
