#!/bin/sh
# Runs in the VM, by Azure's Run Command: checks it, and sends the recording to a container of
# yours (docs/provisioning.md, "Run Command").
#
# Named parameters are variables to a script of Run Command, and so they are here:
#   package   where accelnet-check is to be had, if it is not installed: a URL of its zipapp (.pyz),
#             or of accelnet_record.py, for a VM whose Python is too old to judge itself
#   sha256    of that file; nothing is run without it
#   upload    a SAS URL of a container that allows to create and write: nothing else is needed
#   expect    on, off or auto
#   redact    any value: mask addresses and names in the recording
#
# Run Command shows the last 4,096 bytes: the verdict comes last.
set -u

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The host's name may hold anything; the recording's has what a URL needs no escape for.
recording=$(uname -n | tr -c 'A-Za-z0-9._-' _ | sed 's/_$//')-$(date -u +%Y%m%dT%H%M%SZ).tar.gz

fail() {
  echo "accelnet: $1"
  exit 64
}

fetch() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --retry 3 -o "$2" "$1"
  else
    wget -q --tries=3 -O "$2" "$1"
  fi
}

send() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsS --retry 3 -X PUT -H 'x-ms-blob-type: BlockBlob' --upload-file "$1" "$2"
  else
    wget -q -O /dev/null --method=PUT --header='x-ms-blob-type: BlockBlob' --body-file="$1" "$2"
  fi
}

# python_for FILE: a Python that can run it.
python_for() {
  for python in python3 /usr/libexec/platform-python python python2; do
    command -v "$python" >/dev/null 2>&1 || continue
    case $1 in
      *.pyz) "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' && return 0 ;;
      *) return 0 ;;
    esac
  done
  fail "no Python here can run ${1##*/}: give accelnet_record.py instead"
}

if [ -z "${package:-}" ]; then
  command -v accelnet-check >/dev/null 2>&1 || fail "accelnet-check is not installed: give a package"
  set -- accelnet-check
else
  name=${package%%\?*}
  name=${name##*/}
  case $name in
    *.pyz | *.py) ;;
    *) fail "$name: expected a .pyz or accelnet_record.py" ;;
  esac
  [ -n "${sha256:-}" ] || fail "give sha256, that of $name"
  fetch "$package" "$work/$name" || fail "$name could not be fetched"
  echo "$sha256  $work/$name" | sha256sum -c - >/dev/null 2>&1 || fail "$name is another file than was meant"
  python_for "$name"
  set -- "$python" "$work/$name"
fi

status=0
case ${name:-} in
  *.py) "$@" ${redact:+--redact} "$work/$recording" || status=$? ;;
  *) "$@" --expect "${expect:-auto}" --record "$work/$recording" ${redact:+--redact} || status=$? ;;
esac
[ -s "$work/$recording" ] || fail "nothing was recorded, status $status"

if [ -n "${upload:-}" ]; then
  # The name goes between the container and its signature.
  send "$work/$recording" "${upload%%\?*}/$recording?${upload#*\?}" ||
    fail "$recording could not be sent"
  echo "accelnet: sent $recording"
fi
case ${name:-} in
  *.py) echo "accelnet: recorded, to be judged elsewhere" ;;
  *) "$@" --expect "${expect:-auto}" --bundle "$work/$recording" --format nagios | sed 's/ | .*//' ;;
esac
exit "$status"
