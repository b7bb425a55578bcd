# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A guest with four virtual processors: all of them work.
# seconds: 90
start_tiny one vcpus=4
expect "processors" '^4$' guest_run one 'grep -c ^processor /proc/cpuinfo'
expect "work on all of them" '^done$' guest_run one \
    'for i in 1 2 3 4; do (seq 20000 | sha256sum >/tmp/$i) & done; wait; sort -u /tmp/1 /tmp/2 /tmp/3 /tmp/4 | wc -l | grep -qx 1 && echo done' 60
expect "each has run" '^4$' bash -c "xl vcpu-list one | awk 'NR > 1 && \$6 > 0' | wc -l"
