# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The stock xenperf reads the performance counters. (Debian's Xen is built without them: it cannot run this.)
# exercises: XEN_SYSCTL_perfc_op XEN_SYSCTL_debug_keys
perf() { /usr/lib/xen-4.17/bin/xenperf "$@"; }
# value NAME: of a hypercall, from xenperf -p; the total of a counter.
value() { perf -p | awk -v n="$1" '$1 == n { print $2; exit }'; }
total() { perf | sed -n "s/^$1 *T= *\([0-9]*\).*/\1/p"; }

before=$(value sysctl)
for _ in $(seq 20); do xl debug-keys h; done
after=$(value sysctl)
[ $((after - before)) -ge 20 ] || fail "20 debug keys: sysctl went from $before to $after"
[ $((after - before)) -lt 400 ] || fail "20 debug keys: sysctl went from $before to $after"

# Vector 14 is the 15th value.
faults() { perf -f | sed -n 's/^exceptions of guests *T= *[0-9]* *//p' | awk '{ print $15 }'; }
before=$(faults)
python3 -c 'import mmap; m = mmap.mmap(-1, 4096 * 2000); [m.__setitem__(i * 4096, 1) for i in range(2000)]'
after=$(faults)
[ $((after - before)) -ge 2000 ] || fail "2000 new pages: page faults went from $before to $after"
[ "$(total 'timer interrupts')" -gt 0 ] || fail "no timer interrupts"
[ "$(total 'context switches')" -gt 0 ] || fail "no context switches"

many=$(value mmu_update)
perf -r
few=$(value mmu_update)
[ "$few" -lt "$many" ] || fail "after a reset there are $few mmu_update, before $many"
xl dmesg -c >/dev/null
xl debug-keys p
expect "key p" 'exceptions of guests +[0-9]+' xl dmesg
expect "key p, by name" ' sysctl +[1-9]' xl dmesg
xl debug-keys P
expect "key P" 'performance counters are 0' xl dmesg
