# The functions that Xen's hotplug scripts offer to the hooks in vif-post.d;
# "$1" is the hook. A hook is sourced, so that it sees and may call all of this.

log() {
  local level=$1
  shift
  printf '%s: %s\n' "$level" "$*" >&2
}

# Whoever says why it failed says it last: the caller keeps the last line. A
# subshell's status 3 tells the shells around it that it has been said.
fatal() {
  printf '%s\n' "$*" >&2
  leave
}

leave() {
  [ "$BASH_SUBSHELL" -gt 0 ] || exit 1
  exit 3
}

xenstore_read() {
  local value
  value=$("$VIFCTL" xenstore read "$1") || fatal "xenstore_read $1 failed"
  [ -n "$value" ] || fatal "xenstore_read $1: the value is empty"
  printf '%s\n' "$value"
}

xenstore_read_default() {
  "$VIFCTL" xenstore read "$1" 2>/dev/null || printf '%s\n' "$2"
}

xenstore_write() {
  "$VIFCTL" xenstore write "$@" || fatal "xenstore_write $* failed"
}

do_or_die() {
  "$@" || fatal "$* failed"
}

do_without_error() {
  "$@" 2>/dev/null || log debug "$* failed"
}

failed() {
  [ "$1" -eq 3 ] || printf '%s\n' "$hook: line $2: a command failed" >&2
  leave
}

hook=$1
set -eE
trap 'failed $? "$LINENO"' ERR
. "$1"
