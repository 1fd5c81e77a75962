#!/bin/sh
# Installs llorch from the folder of this script, or removes it.
#
#   ./install.sh [--prefix DIR] [--services] [--dry-run]   install, or update
#   ./install.sh --uninstall [--prefix DIR] [--dry-run]    remove what was installed; settings and
#                                                          data stay
#
# DIR is by default /usr/local for root and ~/.local for other users. --services, for root on a host
# with systemd, also creates the accounts, folders and token that the services need, and prints how
# to start them. Needs only sh and the usual small tools.
set -eu
umask 022

fail() { echo "install.sh: $1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,10s/^# \{0,1\}//p' "$0"; }

here=$(cd "$(dirname "$0")" && pwd)
prefix=
action=install
services=
dry=

while [ $# -gt 0 ]; do
  case $1 in
  --prefix) [ $# -ge 2 ] || fail "--prefix needs a folder" 2; prefix=$2; shift ;;
  --prefix=*) prefix=${1#*=} ;;
  --uninstall) action=uninstall ;;
  --services) services=yes ;;
  --dry-run) dry=yes ;;
  -h | --help) usage; exit 0 ;;
  *) fail "Unknown option $1; --help lists them" 2 ;;
  esac
  [ "$1" != --prefix= ] && [ -n "$1" ] || fail "--prefix needs a folder" 2
  shift
done
if [ -z "$prefix" ]; then
  if [ "$(id -u)" = 0 ]; then prefix=/usr/local
  else prefix=${HOME:-}/.local; [ -n "${HOME:-}" ] || fail "HOME is not set: name a folder with --prefix" 2
  fi
fi
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
prefix=${prefix%/}
# These characters cannot be written in units and property lists in a simple way.
case $prefix in *[\"\\%\$\<\>]* | *'
'*) fail "Cannot install into $prefix: choose a folder without \" \\ % \$ < >" 2 ;;
esac
notes=$prefix/share/llorch
# Records of an installation: its files, the folders created for them, and checksums of the settings.
list=$notes/installed-files
folders=$notes/installed-folders
shipped=$notes/shipped-settings
units="llorch-orchestratord llorch-pool-managerd"

do_or_say() { if [ -n "$dry" ]; then echo "would: $*"; else "$@"; fi; }

sums() { if command -v sha256sum > /dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# make_folder DIR: prints each folder that it creates
make_folder() {
  if [ -d "$1" ]; then return; fi
  make_folder "$(dirname "$1")" && mkdir "$1" && echo "$1"
}

# fit FILE: units have the paths of a Debian package, property lists those below /usr/local; this
# replaces them by paths below the prefix, which may have spaces. It does so through placeholders,
# because the prefix may contain one of the paths.
fit() {
  case $1 in *.plist) to=$(printf %s "$prefix" | sed 's/&/\&amp;/g') ;; *) to=$prefix ;; esac
  to=$(printf %s "$to" | sed 's/[&|]/\\&/g')
  sed -e '/^ExecStart=/{s/ /" "/g;s/=/="/;s/$/"/;}' \
    -e 's|/usr/local/bin|@PREFIX@/bin|g; s|/usr/local/etc/|@PREFIX@/etc/|g' \
    -e 's|/usr/local/var/|@PREFIX@/var/|g' \
    -e 's|/usr/bin/|@PREFIX@/bin/|g; s|\([:="]\)/etc/llorch/|\1@PREFIX@/etc/llorch/|g' \
    -e "s|@PREFIX@|$to|g" "$1"
}

# put FROM TO MODE: writes the file atomically
put() {
  if [ -n "$dry" ]; then echo "would: write $2"; return; fi
  make_folder "$(dirname "$2")" >> "$folders"
  if [ -h "$1" ]; then
    ln -s "$(readlink "$1")" "$2.new.$$"
  else
    case $2 in *.service | *.plist) fit "$1" ;; *) cat "$1" ;; esac > "$2.new.$$"
    chmod "$3" "$2.new.$$"
  fi
  mv -f "$2.new.$$" "$2"
}

# Whether a settings file was changed after it was installed.
is_changed() {
  [ -e "$prefix/$1" ] && ! cmp -s "$1" "$prefix/$1" || return 1
  [ -e "$shipped" ] || return 0
  ! grep -qxF "$(sums < "$prefix/$1" | cut -c1-64)  $1" "$shipped"
}

# The files to install; those for services only for root.
wanted() {
  find bin etc lib share \( -type f -o -type l \) 2> /dev/null | sort | while read -r file; do
    case $file in lib/*) [ "$(id -u)" = 0 ] || continue ;; esac
    echo "$file"
  done
}

install_all() {
  cd "$here"
  sums -c SHA256SUMS > /dev/null 2>&1 || fail "A file of $here is missing or damaged: unpack the archive again"
  if [ -n "$services" ]; then
    [ "$(id -u)" = 0 ] && [ -d /run/systemd/system ] && [ -d lib/systemd ] ||
      fail "Cannot set up services: --services needs root, and a host that systemd runs"
  fi
  if [ -z "$dry" ]; then
    made=$(make_folder "$notes" 2> /dev/null) && [ -w "$notes" ] ||
      fail "Cannot write to $prefix: run this as root, or choose a folder with --prefix"
    printf '%s' "${made:+$made
}" >> "$folders"
    : > "$list.next"
  fi
  wanted | while read -r file; do
    into=$file
    case $file in
    etc/*)
      # A file that was changed is kept; the new one is written beside it.
      if is_changed "$file"; then
        into=$file.example
        [ -n "$dry" ] || echo "kept $prefix/$file; the new one is $prefix/$into"
      fi
      put "$file" "$prefix/$into" 644
      ;;
    bin/*) put "$file" "$prefix/$file" 755 ;;
    *) put "$file" "$prefix/$file" 644 ;;
    esac
    [ -n "$dry" ] || echo "$into" >> "$list.next"
  done
  if [ -z "$dry" ]; then
    find etc -type f | sort | while read -r file; do echo "$(sums < "$file" | cut -c1-64)  $file"; done > "$shipped"
    # Files of an earlier version that this one does not have.
    if [ -e "$list" ]; then
      sort "$list" "$list.next" "$list.next" | uniq -u | remove_listed
      remove_folders
    fi
    mv -f "$list.next" "$list"
    echo "installed into $prefix; try: $prefix/bin/llorch dev doctor"
  fi
  [ -z "$services" ] || set_up_services
}

# The accounts, folders and token that the units name.
set_up_services() {
  for file in lib/sysusers.d/*.conf; do do_or_say systemd-sysusers "$prefix/$file"; done
  for file in lib/tmpfiles.d/*.conf; do do_or_say systemd-tmpfiles --create "$prefix/$file"; done
  token=$prefix/etc/llorch/token
  if [ -n "$dry" ]; then echo "would: write $token, unless it is there"
  elif [ ! -e "$token" ]; then
    (umask 077 && head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' > "$token")
  fi
  for unit in $units; do
    # systemd itself searches below /usr and /usr/local.
    case $prefix in
    /usr | /usr/local) ;;
    *) do_or_say systemctl --quiet link "$prefix/lib/systemd/system/$unit.service" ;;
    esac
  done
  do_or_say systemctl daemon-reload
  echo "start them with: systemctl enable --now $units"
}

# Removes the files listed on stdin; settings stay, but not their examples.
remove_listed() {
  while read -r file; do
    case $file in
    etc/*.example) ;;
    etc/*) continue ;;
    esac
    do_or_say rm -f "$prefix/$file"
  done
}

# Removes the folders that an installation created, where they are empty.
remove_folders() {
  [ -e "$folders" ] || return 0
  sort -r "$folders" | while read -r folder; do rmdir "$folder" 2> /dev/null || true; done
}

uninstall_all() {
  [ -e "$list" ] || fail "Nothing of llorch is installed in $prefix: name the folder with --prefix"
  # Without their files the services could not start again.
  if [ "$(id -u)" = 0 ] && [ -d /run/systemd/system ] && grep -q '^lib/systemd/' "$list"; then
    for unit in $units; do
      [ "$(systemctl show --property=FragmentPath --value "$unit")" -ef "$prefix/lib/systemd/system/$unit.service" ] || continue
      # Stopped first: a linked unit is no longer known after it is disabled.
      do_or_say systemctl stop "$unit"
      do_or_say systemctl --quiet disable "$unit"
    done
  fi
  remove_listed < "$list"
  do_or_say rm -f "$list" "$shipped"
  if [ -n "$dry" ]; then return; fi
  made=$(cat "$folders" 2> /dev/null || true)
  rm -f "$folders"
  printf '%s\n' "$made" | sort -r | while read -r folder; do rmdir "$folder" 2> /dev/null || true; done
  echo "removed; settings in $prefix/etc/llorch, jobs and models stay where they are"
}

"${action}_all"
