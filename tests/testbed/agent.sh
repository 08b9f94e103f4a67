#!/usr/bin/env bash
# In the guest, as root: installs the wheels and the units as they are shipped, and proves them.
# agent.sh [PART...]; tests/testbed/run brings it here.
set -euo pipefail

cd -- "$HOST"
fakean-load
# It keeps the real drivers from loading in place of its own, which are there by now, and which no
# device would find: accelnet would rightly warn of a VM that starts like that.
rm -f /etc/modprobe.d/fakean.conf "/lib/modules/$(uname -r)"/updates/{mlx4_core,mlx5_core,mana,pci_hyperv}.ko
depmod
ip link set eth1 up
ip address add 10.0.0.4/24 dev eth1
fakean rate auto 1000 500

python3 -m venv --without-pip /opt/accelnet
python3 -m pip --python /opt/accelnet/bin/python install -q --no-index --no-deps wheels/*.whl
# The units name /usr/bin, where a package would put the commands; nothing in them is changed.
ln -s /opt/accelnet/bin/accelnet-agent /opt/accelnet/bin/accelnet-check /usr/bin/

install -m 644 systemd/accelnet-*.{service,socket,timer} /usr/lib/systemd/system/
install -D -m 644 systemd/90-accelnet.preset -t /usr/lib/systemd/system-preset/
install -D -m 644 systemd/accelnet.sysusers /usr/lib/sysusers.d/accelnet.conf
install -m 644 systemd/accelnet.env /etc/default/accelnet-agent
systemd-sysusers
systemctl daemon-reload
systemctl preset accelnet-agent.service accelnet-agent.socket accelnet-check.timer

exec env PYTHONPATH="$HOST" python3 -m testbed.prove "$@"
