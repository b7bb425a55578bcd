# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl sysrq reaches the guest's kernel.
need_shared
xl sysrq shared h
guest_wait shared 'sysrq: HELP' 20 || fail "the guest's console does not say sysrq: HELP"
