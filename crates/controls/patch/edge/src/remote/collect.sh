#!/bin/sh
# What a Linux host has installed and what of it runs, for `cordon patch audit`.
#
# It reads and changes nothing, needs no root, opens no connection, and writes to its output alone. Run it
# over SSH (`ssh HOST sh < collect.sh > HOST.bundle`), or name it in authorized_keys:
#
#   restrict,command="/usr/local/lib/cordon/collect.sh" ssh-ed25519 AAAA... cordon
#
# The form: each part stands between `@begin NAME` and `@end NAME LINES STATUS`, each of its lines behind a `|`.
# `@absent NAME` is not there, `@unreadable NAME` is there and this user may not read it. `@done PARTS` says
# that the script came to its end, `@bundle-end LINES` that nothing was lost on the way.

# shellcheck disable=SC2012 # names below /boot and /lib/modules are told as they are
set -u
umask 077
LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

parts=0

# part NAME COMMAND...: what the command prints, framed. Its own errors are told by its status.
part() {
    part_name=$1
    shift
    parts=$((parts + 1))
    printf '@begin %s\n' "$part_name"
    # The line before the last is empty if the output ended with a newline.
    { "$@" 2>/dev/null </dev/null; printf '\n%s\n' "$?"; } | awk -v name="$part_name" '
        NR > 2 { print "|" before; lines++ }
        { before = last; last = $0 }
        END {
            if (before != "") { print "|" before; lines++ }
            printf "@end %s %d %s\n", name, lines, last
        }'
}

# file NAME PATH...: the first of the paths that is there.
file() {
    file_name=$1
    shift
    for file_path in "$@"; do
        if [ -r "$file_path" ]; then
            part "$file_name" cat "$file_path"
            return
        fi
        if [ -e "$file_path" ]; then
            parts=$((parts + 1))
            printf '@unreadable %s\n' "$file_name"
            return
        fi
    done
    absent "$file_name"
}

absent() {
    parts=$((parts + 1))
    printf '@absent %s\n' "$1"
}

# Other systems may have the program, and none of its databases.
has_rpm() {
    command -v rpm >/dev/null 2>&1 || return 1
    for database in rpmdb.sqlite Packages.db Packages; do
        if [ -e "/var/lib/rpm/$database" ] || [ -e "/usr/lib/sysimage/rpm/$database" ]; then
            return 0
        fi
    done
    return 1
}

rpm_list() {
    rpm -qa --qf '%{NAME}\t%{EPOCH}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\t%{MODULARITYLABEL}\t%{INSTALLTIME}\n'
}

# A container has its host's kernel and its own packages: what shows that this is one.
container() {
    for mark in /.dockerenv /run/.containerenv /run/systemd/container; do
        if [ -e "$mark" ]; then
            printf '%s\n' "$mark"
        fi
    done
    if [ -e /proc/vz ] && [ ! -e /proc/bc ]; then
        printf '/proc/vz\n'
    fi
    grep -E '^[^ ]+ / overlay ' /proc/mounts | cut -d ' ' -f 1-3
    grep -E -o 'docker|kubepods|libpod|lxc|containerd' /proc/1/cgroup | sort -u
}

kernels() {
    for image in /boot/vmlinuz-* /boot/vmlinux-* /lib/modules/*; do
        if [ -e "$image" ]; then
            printf '%s\n' "$image"
        fi
    done
}

livepatches() {
    for folder in /sys/kernel/livepatch/*/; do
        if [ -e "$folder/enabled" ]; then
            name=${folder%/}
            enabled=$(cat "$folder/enabled") && transition=$(cat "$folder/transition") || return 1
            printf '%s\t%s\t%s\n' "${name##*/}" "$enabled" "$transition"
        fi
    done
}

# Who asks for a restart: Debian's and Ubuntu's packages, SUSE's.
restart() {
    for mark in /run/reboot-required /run/reboot-needed; do
        if [ -e "$mark" ]; then
            printf '%s\n' "$mark"
        fi
    done
}

# The name of each process; its lines are escaped by the kernel.
processes() {
    grep -s '^Name:' /proc/[0-9]*/status /dev/null
    [ $? -lt 126 ]
}

# How many mappings of each process this user may see: none of one that is missing here.
seen() {
    grep -s -c '' /proc/[0-9]*/maps /dev/null
    [ $? -lt 126 ]
}

# Which are still there: one that ended between two looks was not kept from us.
still() {
    printf '%s\n' /proc/[0-9]*
}

# Executable mappings of files that have lost their name, whether another file has it now as seen from the
# root of the process itself, and when the process began, in ticks since the start.
stale() {
    grep -s -E '^[^ ]+ [^ ]{2}x[^ ] .* /.* \(deleted\)$' /proc/[0-9]*/maps /dev/null | while IFS= read -r line; do
        case $line in *' /memfd:'* | *' /dev/'* | *' /SYSV'* | *' /anon_hugepage'*) continue ;; esac
        pid=${line#/proc/}
        pid=${pid%%/*}
        path=${line#/proc/*/maps:}
        path=/${path#*/}
        path=${path% (deleted)}
        began=$(sed -e 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 20) || continue
        if [ -e "/proc/$pid/root$path" ]; then
            printf 'replaced %s %s\n' "$began" "$line"
        else
            printf 'deleted %s %s\n' "$began" "$line"
        fi
    done
}

everything() {
    printf 'cordon-bundle 1\n'
    part hostname uname -n
    part time date +%s
    part kernel uname -r
    part kernel-build uname -v
    part boot grep '^btime ' /proc/stat
    file os-release /etc/os-release /usr/lib/os-release
    file dpkg /var/lib/dpkg/status
    if has_rpm; then part rpm rpm_list; else absent rpm; fi
    file apk /lib/apk/db/installed /usr/lib/apk/db/installed
    part container container
    part kernels kernels
    part livepatches livepatches
    part restart restart
    file restart-packages /run/reboot-required.pkgs
    # dnf's own answer is not asked for: it writes to its log and its cache.
    if command -v needs-restarting >/dev/null 2>&1; then part needs-restarting echo there; else absent needs-restarting; fi
    part processes processes
    part seen seen
    part still still
    part stale stale
    printf '@done %s\n' "$parts"
}

everything | awk '{ print } END { printf "@bundle-end %d\n", NR }'
