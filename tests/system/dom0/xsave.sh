# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# dom0 and a guest have XSAVE and AVX, and wide registers survive changes of the vCPU.
expect "dom0's flags" ' xsave (.* )?avx ' grep -m 1 ^flags /proc/cpuinfo
need_shared
expect "the guest's flags" ' xsave (.* )?avx ' guest_run shared 'grep -m 1 ^flags /proc/cpuinfo'
# Kernels and libraries use the wide registers for checksums and copies; two at once on a processor take turns.
for _ in 1 2 3 4; do taskset -c 0 sha512sum /bin/bash & done >/tmp/sums
guest_run shared 'dd if=/dev/urandom of=/tmp/a bs=64k count=64 2>/dev/null; cp /tmp/a /tmp/b; cmp /tmp/a /tmp/b' 60
wait
[ "$(sort -u /tmp/sums | wc -l)" = 1 ] || fail "checksums of one file differ: $(sort -u /tmp/sums)"
