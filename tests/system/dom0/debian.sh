# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Debian on its own disk: a block device of dom0's, its kernel chosen by pygrub.
# seconds: 150
xl create -q /etc/xen/debian.cfg
guest_wait_up debian 90 || fail "does not come up: $(guest_output debian 0 | tail -n 3 | tr '\n' ' ')"
expect "Debian" '^Debian GNU/Linux 12' guest_run debian 'cat /etc/issue'
expect "root disk" '^/dev/xvda .* /$' guest_run debian 'df / | tail -n 1'
sums=$(guest_run debian 'dd if=/dev/urandom of=/root/data bs=64k count=128 2>/dev/null; sync; sha256sum </root/data; echo 3 >/proc/sys/vm/drop_caches; sha256sum </root/data' 60)
[ "$(uniq <<<"$sums" | wc -l)" = 1 ] || fail "the disk gave back something else: $sums"
wait_for 20 ping -c 1 -W 1 10.0.2.21
xl shutdown -w debian
wait_for 20 is_absent debian
