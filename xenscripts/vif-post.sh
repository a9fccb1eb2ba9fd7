# The functions that Xen's hotplug scripts offer to the hooks in vif-post.d;
# "$1" is the hook. A hook is sourced, so that it sees and may call all of this.

log() {
  local level=$1
  shift
  printf '%s: %s\n' "$level" "$*" >&2
}

fatal() {
  printf '%s\n' "$*" >&2
  exit 1
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

set -e
trap 'fatal "$1: line $LINENO: a command failed"' ERR
. "$1"
