"""The bill of materials of an artifact, as CycloneDX: what others wrote in it, and its licences."""

# The library's decorators hide its classes from pyright; mypy sees them.
# pyright: reportCallIssue=none, reportArgumentType=none, reportAttributeAccessIssue=none
# pyright: reportUnknownMemberType=none, reportUnknownArgumentType=none, reportReturnType=none
# pyright: reportUnknownVariableType=none

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timezone
from pathlib import Path

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    XsUri,
)
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.utils import parse_wheel_filename

from accelnet_package.components import COMPONENTS

# Of serial numbers: the same artifact has the same.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "accelnet.invalid")


def write(artifact: Path, wheels: tuple[Path, ...], version: str, epoch: int) -> Path:
    """Beside the artifact, its name and .cdx.json; ValueError where the schema is not kept."""
    digest = _sha256(artifact)
    whole = Component(
        name="accelnet",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=artifact.name,
        hashes=[digest],
        licenses=[LicenseExpression("Apache-2.0")],
    )
    parts = [_component(wheel) for wheel in wheels]
    bom = Bom(
        serial_number=uuid.uuid5(NAMESPACE, digest.content),
        metadata=BomMetaData(
            component=whole, timestamp=datetime.fromtimestamp(epoch, timezone.utc)
        ),
        components=parts,
    )
    bom.register_dependency(whole, parts)
    text = JsonV1Dot6(bom).output_as_string(indent=2) + "\n"
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(f"{artifact.name}: {wrong}")
    path = artifact.with_name(f"{artifact.name}.cdx.json")
    path.write_text(text, encoding="utf-8")
    return path


def _component(wheel: Path) -> Component:
    name, version, _, _ = parse_wheel_filename(wheel.name)
    about = COMPONENTS[str(name)]
    home = ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(about.home))
    return Component(
        name=str(name),
        version=str(version),
        type=ComponentType.LIBRARY,
        bom_ref=wheel.name,
        purl=PackageURL("pypi", name=str(name), version=str(version)),
        hashes=[_sha256(wheel)],
        licenses=[LicenseExpression(about.licence)],
        copyright="; ".join(about.holders),
        external_references=[home],
        # What is linked into its extension.
        components=[
            Component(
                name=crate.name,
                version=crate.version,
                type=ComponentType.LIBRARY,
                bom_ref=f"{wheel.name}/{crate.name}",
                purl=PackageURL("cargo", name=crate.name, version=crate.version),
                licenses=[LicenseExpression(crate.licence)],
            )
            for crate in about.crates
        ],
    )


def _sha256(path: Path) -> HashType:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)
