"""What to type: the platform's side with az, and the guest's.

The az procedures are those of Azure's "Create a Linux virtual machine with
Accelerated Networking" (ms.date 2018-01-02, sections "Enable Accelerated
Networking on existing VMs" and "Resizing"), which hold today.  Names in
capitals are the operator's to fill in; nothing here is ever run by accelnet.
"""

from __future__ import annotations

ENABLE = """\
Enable it on the NIC (the VM is deallocated first; in an availability set, all its VMs):
  az vm deallocate --resource-group GROUP --name VM
  az network nic update --resource-group GROUP --name NIC --accelerated-networking true
  az vm start --resource-group GROUP --name VM
In a scale set:
  az vmss deallocate --resource-group GROUP --name VMSS
  NICS=virtualMachineProfile.networkProfile.networkInterfaceConfigurations
  az vmss update --resource-group GROUP --name VMSS \\
    --set "${NICS}[0].enableAcceleratedNetworking=true"
  az vmss update --resource-group GROUP --name VMSS --set upgradePolicy.mode=automatic
  az vmss start --resource-group GROUP --name VMSS
If this NIC should have none:
  accelnet-check --expect off"""

ENABLE_ON_HYPER_V = """\
Give the VM's adapter SR-IOV on the Hyper-V host, whose NIC and switch must have it on:
  Set-VMNetworkAdapter -VMName VM -IovWeight 100
If this NIC should have none:
  accelnet-check --expect off"""

DISABLE = """\
Disable it on the NIC, or state that it is expected (--expect on):
  az vm deallocate --resource-group GROUP --name VM
  az network nic update --resource-group GROUP --name NIC --accelerated-networking false
  az vm start --resource-group GROUP --name VM"""

REDEPLOY = """\
Wait five minutes (a host in servicing gives the VF back by itself), then move the VM elsewhere:
  az vm redeploy --resource-group GROUP --name VM
If it happens again, open a support case with a recording:
  accelnet-check --record vm.tar.gz --redact"""

OTHER_KERNEL = """\
Boot a kernel that drives it: the distribution's newest, or its other one (azure, cloud).
Until then another host may have other hardware:
  az vm redeploy --resource-group GROUP --name VM"""

NEWEST_KERNEL = "If that does not help: install the distribution's newest kernel and reboot."

SUPPORT = "accelnet-check --record vm.tar.gz --redact"

RESIZE = """\
Resize to a size that supports it, then enable it on the NIC (in an availability set all its VMs
are deallocated first; from a size that supports it to one that does not, disable it first):
  az vm deallocate --resource-group GROUP --name VM
  az vm resize --resource-group GROUP --name VM --size Standard_D4s_v5
  az network nic update --resource-group GROUP --name NIC --accelerated-networking true
  az vm start --resource-group GROUP --name VM
If none is wanted on this size:
  accelnet-check --expect off"""

LIST_SKUS = """\
Ask the platform:
  az vm list-skus --location LOCATION --size {size} --resource-type virtualMachines --query \\
    '[].capabilities[?name==`AcceleratedNetworkingEnabled`].value'"""

ASK_IMDS = """\
See whether a firewall, a proxy or a missing route keeps the VM from its metadata:
  curl -s -H Metadata:true --noproxy '*' \\
    'http://169.254.169.254/metadata/instance?api-version=2021-02-01'"""

READ_AGAIN = """\
Run it again as root, on the VM itself and not in a container:
  sudo accelnet-check"""

TAG = """\
Let the VM's tag say on, off or auto:
  az vm update --resource-group GROUP --name VM --set tags.accelnet-expect=on"""

WAIT = """\
Wait for it:
  accelnet-check --wait 300"""

STUCK = "See probes-answered: what hangs there keeps this from being seen."

ON_THE_VM = """\
Run it on the VM itself, not in a container or a network namespace:
  sudo accelnet-check"""
