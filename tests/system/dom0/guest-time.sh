# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A guest's clocks: the wall clock is dom0's, and a second lasts a second.
need_shared
before=$(date +%s) there=$(guest_run shared 'date +%s') after=$(date +%s)
[ "$there" -ge $((before - 2)) ] && [ "$there" -le $((after + 2)) ] || fail "dom0 has $before to $after, the guest $there"
took=$(guest_run shared 'a=$(cut -d. -f1 /proc/uptime); sleep 5; b=$(cut -d. -f1 /proc/uptime); echo $((b-a))' 20)
[ "$took" -ge 5 ] && [ "$took" -le 7 ] || fail "sleep 5 took $took s of the guest's time"
