# The cloud-config, by cloud-init's schema, and its commands in a Debian where nothing is running.
# Sourced by tests/provisioning/run.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

CONFIG=provisioning/cloud-init/accelnet.yaml

# booted FIXTURE: the first boot of a VM with that machine's /sys, in a network that leads nowhere.
booted() {
    local sys=tests/fixtures/$1/root/sys
    [[ -d $sys ]] || { mkdir -p -- "$work/nothing"; sys=$work/nothing; }
    ip netns exec "$net" unshare --mount --pid --fork sh -c '
        mount --make-rprivate / &&
        mount --bind "$1" "$2/sys" && mount -t proc proc "$2/proc" &&
        exec chroot "$2" /var/lib/cloud/instance/scripts/runcmd' sh "$sys" "$root"
}

# configured URL SHA256 EXPECT: what cloud-init has written before runcmd.
configured() {
    /usr/bin/python3 tests/provisioning/cloud_init.py "$root" "$CONFIG" \
        "https://=$1" "0000=$2" "300=2" && sed -i "s/^ACCELNET_EXPECT=.*/ACCELNET_EXPECT=$3/" "$root/etc/default/accelnet-agent"
}

# reported VERDICT: the report that is left behind.
reported() {
    "$bin/python" -c 'import json, sys; found = json.load(open(sys.argv[1]))["verdict"]; assert found == sys.argv[2], found' \
        "$root/var/log/accelnet-provision.json" "$1"
}

cloud_init_part() {
    local net=accelnet-cloud root=$work/cloud archive deb sum url port=8099
    need mmdebstrap ip unshare cloud-init
    ok "cloud-init's schema" cloud-init schema --config-file "$CONFIG"
    archive=$(root_file_system cloud systemd-sysv dbus udev python3 curl)
    deb=$(the_deb)
    sum=$(sha256sum -- "$deb" | cut -d ' ' -f 1)
    url=http://127.0.0.1:$port/${deb##*/}
    unpack "$archive" "$root"
    ip netns add "$net"
    namespaces+=("$net")
    ip -n "$net" link set lo up
    ip netns exec "$net" "$bin/python" -m http.server --bind 127.0.0.1 --directory "${deb%/*}" "$port" \
        >/dev/null 2>&1 &
    machines+=($!)
    sleep 1

    configured "$url" "${sum//[0-9]/0}" on
    refused "another package than was meant" "not provisioned" booted no-vf
    ok "it is not installed" test ! -e "$root/usr/bin/accelnet-check"
    configured "${url%.deb}.tgz" "$sum" on
    refused "no package at that address" "not provisioned" booted no-vf

    configured "$url" "$sum" on
    refused "a VM whose VF has no driver" "accelnet: ACCELNET CRITICAL - vf-driver" booted vf-without-driver
    ok "its report says fail" reported fail
    ok "the settings are those of the cloud-config" says "$root/etc/default/accelnet-agent" ACCELNET_EXPECT=on
    ok "the agent will start at boot" test -L "$root/etc/systemd/system/multi-user.target.wants/accelnet-agent.service"
    configured "$url" "$sum" auto
    ok "again, where a warning is no failure" booted no-vf
    ok "its report says warn" reported warn
    refused "a VM about which nothing is known" "accelnet: ACCELNET UNKNOWN" booted nowhere
    ok "its report says unknown" reported unknown

    sum=$(sha256sum -- "$(the_zipapp)" | cut -d ' ' -f 1)
    configured "http://127.0.0.1:$port/accelnet.pyz" "$sum" on
    refused "the same by one file that is not installed" "accelnet: ACCELNET CRITICAL - vf-driver" \
        booted vf-without-driver
    ok "it lies beside the path of packages" test -x "$root/usr/local/bin/accelnet-check"
}
