# Sourced by tests/provisioning/run and its parts: root file systems, machines that boot, what is
# expected of them.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

# Root file systems and packages are made once, and kept here.
CACHE=${ACCELNET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/accelnet}
SUITE=${SUITE:-bookworm}
case $SUITE in
    bookworm) PYTHON_OF_SUITE=3.11 ;;
    *) PYTHON_OF_SUITE=3.13 ;;
esac
failures=0

# ok WHAT COMMAND...: whether the command succeeds; its output is shown where it does not.
ok() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      %s\n' "$what"
    else
        printf 'FAILED  %s\n        %s\n' "$what" "$*"
        printf '%s\n' "$output" | tail -n 40 | sed 's/^/        | /'
        failures=$((failures + 1))
    fi
}

# refused WHAT WORDS COMMAND...: whether the command fails, and says these words.
refused() {
    local what=$1 words=$2 output
    shift 2
    if ! output=$("$@" 2>&1) && [[ $output == *"$words"* ]]; then
        printf 'ok      %s\n' "$what"
    else
        printf 'FAILED  %s\n        %s\n' "$what" "$*"
        printf '%s\n' "$output" | tail -n 40 | sed 's/^/        | /'
        failures=$((failures + 1))
    fi
}

# says FILE WORDS: whether the file has them.
says() {
    grep -qF -- "$2" "$1" || { cat -- "$1"; return 1; }
}

# need TOOL...: all of them, or nothing is proven here.
need() {
    local tool missing=()
    ((EUID == 0)) || { say "tests/provisioning/run makes namespaces and root file systems: it needs root."; exit 64; }
    for tool; do command -v "$tool" >/dev/null || missing+=("$tool"); done
    ((${#missing[@]} == 0)) || { say "Not installed: ${missing[*]}"; exit 64; }
}

# root_file_system NAME PACKAGE...: a Debian with these packages, as a tar archive that is made once.
root_file_system() {
    local archive=$CACHE/$SUITE-$1.tar packages
    shift
    packages=$(IFS=,; printf '%s' "$*")
    mkdir -p -- "$CACHE"
    if [[ ! -f $archive ]]; then
        say "Making $archive (once)"
        mmdebstrap --quiet --variant=minbase --include="$packages" "$SUITE" "${archive%.tar}.new.tar" \
            </dev/null >&2 || return
        mv -- "${archive%.tar}.new.tar" "$archive"
    fi
    printf '%s\n' "$archive"
}

# unpack ARCHIVE FOLDER
unpack() {
    mkdir -p -- "$2"
    tar -C "$2" -xf "$1"
}

# the_deb: the package of this checkout for this machine.
the_deb() {
    local folder=$CACHE/dist
    mkdir -p -- "$folder"
    PYTHON=$python scripts/package deb "$folder" >&2
    printf '%s\n' "$folder"/accelnet_*_"$(dpkg --print-architecture)".deb
}

# the_zipapp: accelnet-check of this checkout as one file.
the_zipapp() {
    local folder=$CACHE/dist
    mkdir -p -- "$folder"
    PYTHON=$python scripts/package pyz "$folder" >&2
    printf '%s\n' "$folder/accelnet.pyz"
}
