# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A guest's clocks: the wall clock is dom0's, and a second lasts a second.
need_shared
there=$(guest_run shared 'date +%s') here=$(date +%s)
[ $((there - here)) -ge -2 ] && [ $((there - here)) -le 2 ] || fail "dom0 has $here, the guest $there"
took=$(guest_run shared 'a=$(cut -d. -f1 /proc/uptime); sleep 5; b=$(cut -d. -f1 /proc/uptime); echo $((b-a))' 20)
[ "$took" -ge 5 ] && [ "$took" -le 7 ] || fail "sleep 5 took $took s of the guest's time"
