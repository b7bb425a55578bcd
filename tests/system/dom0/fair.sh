# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The scheduler: two busy guests on one processor get the same; a third on another is not held up.
# seconds: 150
for name in one two three; do start_tiny $name memory=96; done
xl vcpu-pin one 0 1
xl vcpu-pin two 0 1
xl vcpu-pin three 0 0
for name in one two three; do guest_run $name '(while :; do :; done) &' 10; done
used() { xl vcpu-list "$1" | awk 'NR == 2 { printf "%d", $6 * 10 }'; }
one=$(used one) two=$(used two) three=$(used three)
sleep 20
one=$(($(used one) - one)) two=$(($(used two) - two)) three=$(($(used three) - three))
echo "tenths of a second: $one $two $three"
[ $((one * 4)) -ge $((two * 3)) ] && [ $((two * 4)) -ge $((one * 3)) ] || fail "one guest had $one tenths of a second, the other $two"
[ $((one + two)) -ge 120 ] || fail "together they had only $((one + two)) of 200 tenths of a second"
[ "$three" -ge 20 ] || fail "the guest on the other processor had only $three tenths of a second"
