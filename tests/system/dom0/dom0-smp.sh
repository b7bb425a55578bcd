# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# dom0 has as many processors as the machine, and each of them works and gets interrupts.
cpus=$(xl info | awk '/^nr_cpus/ { print $3 }')
[ "$(grep -c ^processor /proc/cpuinfo)" = "$cpus" ] || fail "$(grep -c ^processor /proc/cpuinfo) of $cpus processors"
for cpu in $(seq 0 $((cpus - 1))); do
    expect "processor $cpu" '.' taskset -c "$cpu" sha256sum /bin/bash
done
[ "$(awk -v n="$cpus" '/timer0/ { for (i = 2; i < n + 2; i++) if ($i > 0) k++ } /timer[1-9]/ { for (i = 2; i < n + 2; i++) if ($i > 0) k++ } END { print k + 0 }' /proc/interrupts)" -ge "$cpus" ] ||
    fail "some processor gets no timer interrupt: $(grep timer /proc/interrupts)"
