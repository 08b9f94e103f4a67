# The role, by ssh, on two Debians under systemd of their own (systemd-nspawn --boot) and a third
# that is not there.  Sourced by tests/provisioning/run.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

PLAYBOOK=$PWD/provisioning/ansible/accelnet.yml

# machine NUMBER FIXTURE: boots a host at 10.99.NUMBER.2, in a network namespace of its own.
machine() {
    local name=host$1 net=accelnet-host$1 folder=$work/host$1
    unpack "$archive" "$folder"
    printf '%s\n' "$name" >"$folder/etc/hostname"
    printf '127.0.0.1 localhost %s\n' "$name" >"$folder/etc/hosts"
    chroot "$folder" useradd --create-home --shell /bin/bash ops
    printf 'ops ALL=(ALL) NOPASSWD: ALL\nDefaults logfile=/var/log/sudo.log\n' >"$folder/etc/sudoers.d/ops"
    install -d -m 700 "$folder/home/ops/.ssh"
    cp -- "$work/key.pub" "$folder/home/ops/.ssh/authorized_keys"
    chroot "$folder" chown -R ops:ops /home/ops
    # A container is no VM of Azure: the check is given a recording of one.
    cp -a -- "tests/fixtures/$2" "$folder/var/tmp/machine"

    ip netns add "$net"
    namespaces+=("$net")
    ip -n "$net" link set lo up
    ip -n "$control" link add "h$1" type veth peer name eth0 netns "$net"
    ip -n "$control" address add "10.99.$1.1/30" dev "h$1"
    ip -n "$control" link set "h$1" up
    ip -n "$net" address add "10.99.$1.2/30" dev eth0
    ip -n "$net" link set eth0 up
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --directory="$folder" --boot \
        --register=no --keep-unit --resolv-conf=off --console=passive --machine="$name" \
        --network-namespace-path="/run/netns/$net" </dev/null >"$work/$name.log" 2>&1 &
    machines+=($!)
}

# on NUMBER COMMAND: as ops on that host.
on() {
    local number=$1
    shift
    ip netns exec "$control" ssh -q -i "$work/key" -F /dev/null -o BatchMode=yes \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "ops@10.99.$number.2" "$@"
}

# play ARGUMENT...: the playbook; what it says goes to $work/play too.
play() {
    (
        cd -- "$work" || exit
        ANSIBLE_CONFIG=${PLAYBOOK%/*}/ansible.cfg ANSIBLE_NOCOLOR=1 ANSIBLE_HOST_KEY_CHECKING=False \
            ANSIBLE_HOME=$work/.ansible PATH=$bin:$PATH \
            ip netns exec "$control" "$bin/ansible-playbook" -i "$work/inventory.yml" "$PLAYBOOK" "$@"
    ) </dev/null >"$work/play" 2>&1
    local status=$?
    cat -- "$work/play"
    return "$status"
}

# changed HOST: how much the last run changed there.
changed() {
    sed -n "s/^$1 .*changed=\([0-9]*\).*/\1/p" "$work/play"
}

nothing_changed() {
    [[ $(changed host1) == 0 && $(changed host2) == 0 ]] || { cat -- "$work/play"; return 1; }
}

# both ARGUMENT...: on the two that are there, whatever their verdicts.
both() {
    play --limit 'host1,host2,localhost' --extra-vars '{"accelnet_fail_on": []}' "$@"
}

# asked NUMBER PATH USER:PASSWORD: an agent from outside, by TLS; the status.
asked() {
    ip netns exec "$control" curl -s -o /dev/null -w '%{http_code}' --cacert "$work/tls.crt" \
        --resolve "agent.example:9975:10.99.$1.2" ${3:+--user "$3"} "https://agent.example:9975$2"
}

answers() {
    local found
    found=$(asked "$1" "$2" "$3")
    [[ $found == "$4" ]] || { printf '%s instead of %s\n' "$found" "$4"; return 1; }
}

verdicts() {
    "$bin/python" - "$work/accelnet-reports.json" "$work/accelnet-reports" <<'PYTHON'
import json, pathlib, sys
fleet = json.loads(pathlib.Path(sys.argv[1]).read_text())
assert fleet["verdict"] == "fail", fleet["verdict"]
found = {path.stem: json.loads(path.read_text())["verdict"] for path in pathlib.Path(sys.argv[2]).iterdir()}
assert found == {"host1": "pass", "host2": "fail"}, found
PYTHON
}

strung_together() {
    cat -- "$work"/accelnet-reports/*.json | "$bin/accelnet-check" --summarize - >"$work/fleet"
    grep 'of 2 VMs' "$work/fleet"
}

as_ordinary_user() {
    local before
    before=$(on 1 'sudo wc -l < /var/log/sudo.log')
    both --tags verify || return
    # wc itself is one more.
    [[ $(on 1 'sudo wc -l < /var/log/sudo.log') -le $((before + 2)) ]]
}

ansible_part() {
    local control=accelnet-control archive deb
    need mmdebstrap systemd-nspawn ssh ssh-keygen ip openssl curl
    archive=$(root_file_system ansible systemd-sysv dbus udev python3 python3-apt openssh-server sudo iproute2)
    deb=$(the_deb)
    ssh-keygen -q -t ed25519 -N '' -f "$work/key"
    openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=agent.example \
        -addext subjectAltName=DNS:agent.example -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
    hash() { "$bin/python" -c 'import bcrypt, sys; print(bcrypt.hashpw(sys.argv[1].encode(), bcrypt.gensalt(6)).decode())' "$1"; }
    ip netns add "$control"
    namespaces+=("$control")
    ip -n "$control" link set lo up
    machine 1 mlx5-healthy
    machine 2 vf-without-driver
    cat >"$work/inventory.yml" <<YAML
all:
  hosts:
    host1: {ansible_host: 10.99.1.2}
    host2: {ansible_host: 10.99.2.2}
    host3: {ansible_host: 10.99.3.2}
  vars:
    ansible_user: ops
    ansible_ssh_private_key_file: $work/key
    ansible_ssh_common_args: -F /dev/null -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5
    ansible_python_interpreter: /usr/bin/python3
    accelnet_package: $deb
    accelnet_expect: on
    accelnet_check_arguments: [--bundle, /var/tmp/machine]
YAML
    cat >"$work/web.yml" <<YAML
accelnet_listen: ["127.0.0.1:9975", ":9975"]
accelnet_tls_certificate: $work/tls.crt
accelnet_tls_key: $work/tls.key
accelnet_web_users: {prometheus: "$(hash first)"}
accelnet_settings: {ACCELNET_VF_GRACE: 120, ACCELNET_SCHEDULED_EVENTS: false, ACCELNET_IMDS_ENDPOINT: "off"}
YAML
    sed -i 's/"127.0.0.1:9975", ":9975"/":9975"/' "$work/web.yml"
    sed "s|prometheus: .*|prometheus: \"$(hash second)\"}|" "$work/web.yml" >"$work/web2.yml"
    local number
    for number in 1 2; do
        for _ in {1..60}; do on "$number" systemctl is-system-running --wait >/dev/null 2>&1 && break; sleep 1; done
        ok "host$number has booted" on "$number" systemctl is-system-running
    done

    ok "a check of hosts without accelnet" both --check
    ok "it has changed nothing" on 1 'test ! -e /etc/default/accelnet-agent && test ! -e /var/cache/accelnet'
    refused "a method that is none" "value of accelnet_method must be one of" both -e accelnet_method=apt
    refused "a certificate without its key" "Give accelnet_package" both -e "accelnet_tls_certificate=$work/tls.crt"
    refused "a package of another kind" "takes a deb or a zipapp" both -e "accelnet_package=$work/accelnet.rpm"
    refused "to verify before it is installed" "accelnet-check gave no report" both --tags verify
    refused "the first run fails where a host does, or is not there" "accelnet-check says fail" play -e "@$work/web.yml"
    ok "the one that is not there is named" says "$work/play" "No report of host3 in this run"
    ok "the reports are one, and each" verdicts
    ok "each is as it was printed" eval '[[ $(head -n 1 "$work/accelnet-reports/host1.json") == "{" && -z $(tail -c 1 "$work/accelnet-reports/host1.json") ]]'
    ok "a second run" both -e "@$work/web.yml"
    ok "it changes nothing" nothing_changed
    ok "a check of it" both --check -e "@$work/web.yml"
    ok "it finds nothing to change" nothing_changed
    ok "the agent runs, and will at boot" on 1 'systemctl is-active accelnet-agent && systemctl is-enabled accelnet-agent accelnet-check.timer'
    ok "TLS and a password: /metrics" answers 1 /metrics prometheus:first 200
    ok "no password: refused" answers 1 /metrics '' 401
    ok "the key is no file for everyone" on 1 'test "$(sudo stat -c "%a %U %G" /etc/accelnet/tls.key)" = "640 root accelnet"'
    ok "on is on, also as YAML reads it" on 1 'grep -qx ACCELNET_EXPECT=on /etc/default/accelnet-agent'
    ok "settings are as they were given" on 1 'grep -qx ACCELNET_VF_GRACE=120 /etc/default/accelnet-agent && grep -qx ACCELNET_SCHEDULED_EVENTS=false /etc/default/accelnet-agent && ! sudo journalctl -u accelnet-agent | grep settings.unknown'
    ok "another password" both -e "@$work/web2.yml"
    ok "the new one is taken" answers 2 /metrics prometheus:second 200
    ok "the old one is not" answers 2 /metrics prometheus:first 401
    ok "to verify takes no privilege" as_ordinary_user
    ok "the reports can be strung together" strung_together
    ok "and TLS off again" both
    ok "no key stays behind" on 1 'test -z "$(ls -A /etc/accelnet)"'
    ok "loopback alone, and plain" on 1 'test "$(sudo ss -Hltn "sport = :9975" | wc -l)" = 1 && sudo ss -Hltn | grep -q 127.0.0.1:9975'
    ok "stopped where it is wanted so" both -e accelnet_agent_state=stopped
    ok "it is" on 1 '! systemctl is-active accelnet-agent && ! systemctl is-enabled accelnet-agent'
    ok "the command alone, as one file" both -e "accelnet_package=$(the_zipapp)"
    ok "it is that file" on 1 'file=$(command -v /usr/local/bin/accelnet-check) && head -c 22 "$file" | grep -qx "#!/usr/bin/env python3" && "$file" --version'
    ok "again" both -e "accelnet_package=$(the_zipapp)"
    ok "it changes nothing" nothing_changed
}
