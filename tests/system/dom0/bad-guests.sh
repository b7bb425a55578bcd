# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Configurations and kernels that cannot work are refused in words, and cost nothing.
# seconds: 120
before=$(free_kib)
tiny bad memory=500000
refuse "more memory than there is" 'memory|ballooning' xl create /run/bad.cfg
tiny bad 'kernel="/no/such/file"'
refuse "no kernel" 'No such file|unable to|cannot|fail' xl create /run/bad.cfg
head -c 1M /dev/urandom >/tmp/rubbish
tiny bad 'kernel="/tmp/rubbish"'
refuse "a kernel of rubbish" 'no loader|invalid|fail|not' xl create /run/bad.cfg
head -c 2M /boot/vmlinuz >/tmp/short
tiny bad 'kernel="/tmp/short"'
refuse "half a kernel" 'fail|invalid|error|corrupt' xl create /run/bad.cfg
{ printf '\177ELF\002\001\001'; head -c 100000 /dev/zero; } >/tmp/elf
tiny bad 'kernel="/tmp/elf"'
refuse "a broken ELF file" 'fail|invalid|error|ELF' xl create /run/bad.cfg
tiny bad 'type="nonsense"'
refuse "an unknown type" 'type|invalid' xl create /run/bad.cfg
is_absent bad || fail "a domain is left"
wait_for 10 free_is "$before" || fail "free: $before KiB before, $(free_kib) after"
