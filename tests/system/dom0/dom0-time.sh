# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# dom0's clocks: Xen's clock source, the time of day of the machine, seconds that last a second.
expect "clock source" '^xen$|^tsc$' cat /sys/devices/system/clocksource/clocksource0/current_clocksource
[ "$(date +%Y)" -ge 2024 ] || fail "it is not $(date)"
a=$(date +%s%N); sleep 3; b=$(date +%s%N)
ms=$(((b - a) / 1000000))
[ $ms -ge 2990 ] && [ $ms -le 4500 ] || fail "sleep 3 took $ms ms"
