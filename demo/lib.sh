# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Shared by the demo's scripts: where things are, messages, stamps.

DEMO=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=${DEMO%/*}
BUILD=$(mkdir -p "${BUILD:-$TOP/build}" && cd "${BUILD:-$TOP/build}" && pwd)
OUT=$BUILD/demo
export BUILD

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# A fingerprint of everything that the files and folders named on the command line hold. Where the
# tree and the build folder are does not count.
fingerprint() {
    find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sed -e "s|  $DEMO/|  |" -e "s|  $OUT/|  |" |
        LC_ALL=C sort | sha256sum | cut -d' ' -f1
}

# Whether a stamp file already carries a fingerprint.
is_stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# The packages that a list names: one a line, comments after '#'; joined with commas.
package_list() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1" | tr -d ' \t' | paste -sd,; }

# Packs the folder $1 as an uncompressed initramfs into the file $2.
pack_initramfs() {
    (cd "$1" && find . -print0 | sort -z | cpio --quiet -0 -o -H newc -R 0:0) >"$2.new"
    mv "$2.new" "$2"
}
