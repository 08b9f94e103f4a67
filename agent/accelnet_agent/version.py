"""The version of accelnet: of the wheel, of `tool` in reports and bundles."""

VERSION = "0.1.0"
