# Images without, with and with half a kernel; a disk image; the Containerfile.  Sourced by
# tests/provisioning/run.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

# judged STATUS WORDS ARGUMENT...: accelnet-check of an image: its status, and what it says.
judged() {
    local status=$1 words=$2 found=0
    shift 2
    "$bin/accelnet-check" "$@" >"$work/said" 2>&1 || found=$?
    echo "status $found"
    says "$work/said" "$words" && [[ $found == "$status" ]]
}

image_part() {
    local bare=$work/bare whole=$work/whole mounted=$work/mounted
    need mmdebstrap systemd-dissect mkfs.ext4
    unpack "$(root_file_system cloud systemd-sysv dbus udev python3 curl)" "$bare"
    unpack "$(root_file_system kernel systemd-sysv udev kmod python3 linux-image-cloud-amd64)" "$whole"
    ok "an image without a kernel is a warning" judged 1 "WARN: the image has no kernel" --root "$bare"
    ok "an image with the cloud kernel passes" judged 0 "next-host-drivers, probes-answered" --root "$whole"
    ok "as JUnit for CI" "$bin/accelnet-check" --root "$whole" --format junit --output "$work/accelnet.xml"
    ok "with every check in it" says "$work/accelnet.xml" '<testcase classname="next-host-drivers" name="host" time="0"/>'
    printf 'blacklist mlx5_core\n' >"$whole/etc/modprobe.d/no-vf.conf"
    ok "one that forbids a driver does not" judged 1 "mlx5_core" --root "$whole"
    refused "mkosi's build ends there" "WARN" env PATH="$bin:$PATH" BUILDROOT="$whole" provisioning/image/mkosi.finalize
    rm -- "$whole/etc/modprobe.d/no-vf.conf"
    ok "mkosi's build goes on" env PATH="$bin:$PATH" BUILDROOT="$whole" provisioning/image/mkosi.finalize
    find "$whole/lib/modules" -name 'mana.ko*' -delete
    ok "one whose module is gone does not pass" judged 1 "mana" --root "$whole"
    if truncate -s 1G "$work/image.raw" && mkfs.ext4 -q -d "$bare" "$work/image.raw" &&
        systemd-dissect --read-only --mkdir --mount "$work/image.raw" "$mounted" >"$work/dissect" 2>&1; then
        ok "a disk image, mounted read-only" judged 1 "WARN: the image has no kernel" --root "$mounted"
        umount -R -- "$mounted"
    else
        printf 'skipped a disk image: %s\n' "$(tail -n 1 "$work/dissect")"
    fi
    container
}

# container: every instruction of the Containerfile; then its entry point as its user.
container() {
    local python_root stage
    python_root=$(root_file_system python python3 python3-venv)
    mkdir -p -- "$work/context/requirements" "$work/context/dist" "$work/wheels"
    cp -- requirements/run.txt "$work/context/requirements/"
    ok "the wheel" "$bin/python" -m pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir "$work/context/dist" .
    ok "what it needs, for the Python of the image" "$bin/python" -m pip download --quiet \
        --require-hashes --no-deps --only-binary :all: --python-version "$PYTHON_OF_SUITE" \
        --dest "$work/wheels" -r requirements/run.txt
    cp -- "$python_root" "$work/base.tar"
    tar -C "$work" --append -f "$work/base.tar" ./wheels
    stage=$(cd -- "$work/context" && PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels "$bin/python" "$here/tests/provisioning/containerfile.py" \
        "$here/provisioning/kubernetes/Containerfile" "$work/base.tar" "$work/stages" 2>"$work/build.log")
    ok "each instruction of the Containerfile" test -n "$stage"
    [[ -n $stage ]] || { cat -- "$work/build.log"; return; }
    ok "its user and its entry point" test "$stage" = "{\"user\": \"65534:65534\", \"entrypoint\": \"[\\\"/opt/accelnet/bin/accelnet-agent\\\"]\", \"root\": \"$work/stages/stage1\"}"
    ok "the entry point starts as that user" chroot --userspec=65534:65534 "$work/stages/stage1" /opt/accelnet/bin/accelnet-agent --version
    ok "no pip, and /host/proc is /proc" sh -c "! ls $work/stages/stage1/opt/accelnet/bin/pip* 2>/dev/null && test \"\$(readlink $work/stages/stage1/host/proc)\" = ../proc"
    ok "every library can be imported there" chroot --userspec=65534:65534 "$work/stages/stage1" \
        /opt/accelnet/bin/python -c 'import accelnet_agent.serve, bcrypt, psutil, pyroute2, structlog, tornado, yaml, prometheus_client'
}
