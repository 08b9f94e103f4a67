"""Builds what is installed: deb, rpm, zipapp, wheel, sdist and their SBOMs (docs/packages.md)."""
