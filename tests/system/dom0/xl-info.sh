# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl info: the interface that the toolstack and the kernels were built for.
# exercises: XEN_SYSCTL_physinfo XEN_SYSCTL_sched_id XEN_SYSCTL_cputopoinfo XEN_SYSCTL_numainfo XENVER_compile_info XENVER_capabilities XENVER_changeset XENVER_platform_parameters XENVER_pagesize XENVER_commandline XENVER_build_id
expect "version" '^xen_version +: 4\.17' xl info
expect "capabilities" '^xen_caps +:.*xen-3\.0-x86_64' xl info
expect "PV" '^virt_caps +:.*pv' xl info
expect "page size" '^xen_pagesize +: 4096' xl info
expect "scheduler" '^xen_scheduler +: [a-z]' xl info
expect "command line" '^xen_commandline +:.*console=com1' xl info
expect "place of the hypervisor" '^platform_params +: virt_start=0xffff800000000000' xl info
cpus=$(grep -c ^processor /proc/cpuinfo)
expect "processors" "^nr_cpus +: $cpus\$" xl info
total=$(xl info | awk '/^total_memory/ { print $3 }')
free=$(xl info | awk '/^free_memory/ { print $3 }')
[ "$free" -gt 0 ] && [ "$free" -lt "$total" ] || fail "free $free of $total MiB"
expect "topology" '^numa_info' xl info -n
expect "CPU topology" '^ +0: +0 +0 +0' xl info -n
