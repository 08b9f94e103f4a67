# The part of a Packer build that judges the image while its VM still runs (docs/provisioning.md,
# "Images").  The source is yours; it stands before the step that deprovisions the VM.

variable "accelnet" {
  type        = string
  description = "accelnet's zipapp on the machine that runs packer"
  default     = "tools/accelnet.pyz"
}

# The checks that are about the image, not about the VM that it is being built on.
locals {
  image_checks = "--only next-host-drivers --only kernel-minimum --only kernel-known-issue --only os-supported"
}

build {
  sources = ["source.azure-arm.image"]

  provisioner "file" {
    source      = var.accelnet
    destination = "/tmp/accelnet.pyz"
  }

  provisioner "shell" {
    inline = [
      "sudo python3 /tmp/accelnet.pyz --root / ${local.image_checks} --format junit --output /tmp/accelnet.xml",
    ]
    valid_exit_codes = [0, 1, 2, 3]
  }

  provisioner "file" {
    direction   = "download"
    source      = "/tmp/accelnet.xml"
    destination = "accelnet.xml"
  }

  # The build ends here where the image does not pass, and its report is kept.
  provisioner "shell" {
    inline = [
      "status=0; sudo python3 /tmp/accelnet.pyz --root / ${local.image_checks} || status=$?",
      "sudo rm -f /tmp/accelnet.pyz /tmp/accelnet.xml",
      "exit $status",
    ]
  }
}
