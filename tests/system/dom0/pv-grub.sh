# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The packaged PV boot loader starts Debian from the guest's own disk.
# seconds: 180
sed -e 's|^bootloader.*|kernel = "/usr/lib/grub-xen/grub-x86_64-xen.bin"|' -e '/^extra/d' /etc/xen/debian.cfg >/run/debian.cfg
rm -f "$(guest_log debian)"
xl create -q /run/debian.cfg
guest_wait_up debian 150 || fail "does not come up: $(guest_output debian 0 | tail -n 3 | tr '\n' ' ')"
expect "Debian" '^Debian GNU/Linux 12' guest_run debian 'cat /etc/issue'
