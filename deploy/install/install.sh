#!/bin/sh
# Installs llorch from the folder that this script lies in, or takes it away again.
#
#   ./install.sh [--prefix DIR] [--dry-run]     install, or bring an installation up to date
#   ./install.sh --uninstall [--prefix DIR]     remove what was installed; settings and data stay
#
# DIR is /usr/local for root and ~/.local for anybody else. Needs sh and the usual small tools only.
set -eu

fail() { echo "install.sh: $1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,7s/^# \{0,1\}//p' "$0"; }

here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=${HOME:?}/.local; fi
action=install
dry=

while [ $# -gt 0 ]; do
  case $1 in
  --prefix) [ $# -ge 2 ] || fail "--prefix needs a folder" 2; prefix=$2; shift ;;
  --prefix=*) prefix=${1#*=} ;;
  --uninstall) action=uninstall ;;
  --dry-run) dry=yes ;;
  -h | --help) usage; exit 0 ;;
  *) fail "Unknown option $1; --help lists them" 2 ;;
  esac
  shift
done
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
list=$prefix/share/llorch/installed-files

do_or_say() { if [ -n "$dry" ]; then echo "would: $*"; else "$@"; fi; }

sums() { if command -v sha256sum > /dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# put FROM TO MODE: the file appears whole or not at all
put() {
  if [ -n "$dry" ]; then echo "would: write $2"; return; fi
  mkdir -p "$(dirname "$2")"
  if [ -h "$1" ]; then
    ln -s "$(readlink "$1")" "$2.new.$$"
  else
    # Units name the places of a Debian package; here everything is below the prefix.
    case $2 in
    *.service | *.plist)
      sed -e "s|/usr/bin/|$prefix/bin/|g; s|/usr/local/bin/|$prefix/bin/|g" \
        -e "s|/etc/llorch/|$prefix/etc/llorch/|g; s|/usr/local/etc/|$prefix/etc/|g" \
        -e "s|/usr/local$prefix|$prefix|g" "$1" > "$2.new.$$"
      ;;
    *) cp "$1" "$2.new.$$" ;;
    esac
    chmod "$3" "$2.new.$$"
  fi
  mv -f "$2.new.$$" "$2"
}

install_all() {
  cd "$here"
  sums -c SHA256SUMS > /dev/null 2>&1 || fail "A file of $here is missing or damaged: unpack the archive again"
  if [ -z "$dry" ]; then
    mkdir -p "$prefix/share/llorch" 2> /dev/null && [ -w "$prefix/share/llorch" ] ||
      fail "Cannot write to $prefix: run this as root, or choose a folder with --prefix"
    find bin etc lib share \( -type f -o -type l \) | sort > "$list.next"
  fi
  find bin etc lib share \( -type f -o -type l \) | sort | while read -r file; do
    case $file in
    etc/*)
      # A file that somebody changed is theirs; ours lies beside it.
      if [ -e "$prefix/$file" ] && ! cmp -s "$file" "$prefix/$file"; then
        put "$file" "$prefix/$file.example" 644
        echo "kept $prefix/$file; the new one is $prefix/$file.example"
      else
        put "$file" "$prefix/$file" 644
      fi
      ;;
    bin/*) put "$file" "$prefix/$file" 755 ;;
    *) put "$file" "$prefix/$file" 644 ;;
    esac
  done
  [ -z "$dry" ] || return 0
  # What an earlier version had and this one has not.
  if [ -e "$list" ]; then
    sort "$list" "$list.next" "$list.next" | uniq -u | remove_listed
  fi
  mv -f "$list.next" "$list"
  echo "installed into $prefix; try: $prefix/bin/llorch dev doctor"
}

# Removes files that are named on stdin, and the folders that this leaves empty.
remove_listed() {
  while read -r file; do
    case $file in etc/*) continue ;; esac
    do_or_say rm -f "$prefix/$file"
    folder=$(dirname "$prefix/$file")
    while [ -z "$dry" ] && [ "$folder" != "$prefix" ] && rmdir "$folder" 2> /dev/null; do
      folder=$(dirname "$folder")
    done
  done
}

uninstall_all() {
  [ -e "$list" ] || fail "Nothing of llorch is installed in $prefix: name the folder with --prefix"
  remove_listed < "$list"
  do_or_say rm -f "$list"
  if [ -z "$dry" ]; then
    rmdir "$prefix/share/llorch" "$prefix/share" "$prefix/lib" "$prefix/bin" 2> /dev/null || true
  fi
  echo "removed; settings in $prefix/etc/llorch, jobs and models stay where they are"
}

"${action}_all"
