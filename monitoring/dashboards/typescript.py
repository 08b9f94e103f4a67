"""Prints the dashboards as TypeScript, each part with the type that Grafana's schema has for it.

scripts/dashboards-types has its compiler judge that: fields that a release of Grafana does not
know, values of another type.  Only what is in the files is read; the SDK is not needed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

PANELS = ("bargauge", "stat", "statetimeline", "table", "timeseries")
# An enum of TypeScript is not the string that it stands for; these are.  The fields that an
# annotation of Prometheus has beside those of the schema are those that Grafana's
# data source reads (prepareAnnotation, processEvents of @grafana/prometheus).
TYPES = """\
type Plain<T> = T extends string ? `${T}`
  : T extends number
    ? number extends T ? T : `${T}` extends `${infer N extends number}` ? N : T
  : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;
type Annotation = Plain<AnnotationQuery> &
  Record<"expr" | "step" | "tagKeys" | "textFormat" | "titleFormat", string>;
type Known = Omit<Plain<Dashboard>, "annotations"> & { annotations: { list: Annotation[] } };
"""


def main() -> None:
    """What to compile, from the folder that @grafana/schema is installed in."""
    installed = Path(sys.argv[1])
    print(f'import type {{ AnnotationQuery, Dashboard }} from "{_types(installed, "dashboard")}";')
    for kind in PANELS:
        print(f'import type * as {kind} from "{_types(installed, f"composable/{kind}/panelcfg")}";')
    print(TYPES)
    for path in sorted(Path(__file__).parent.glob("*.json")):
        text = path.read_text(encoding="utf-8")
        name = path.stem.replace("-", "_")
        print(f"export const {name}: Known = {text};")
        for panel in json.loads(text)["panels"]:
            kind, place = panel["type"].replace("-", ""), f"{name}_{panel['id']}"
            if kind not in PANELS:
                continue
            options = json.dumps(panel["options"])
            print(f"export const {place}: Partial<Plain<{kind}.Options>> = {options};")
            if custom := panel["fieldConfig"]["defaults"].get("custom"):
                fields = json.dumps(custom)
                print(f"export const {place}_: Partial<Plain<{kind}.FieldConfig>> = {fields};")


def _types(installed: Path, of: str) -> str:
    """The module that declares these, whose name has changed from release to release."""
    package = installed / "node_modules/@grafana/schema/dist"
    (found, *_) = (
        *package.glob(f"types/raw/{of}/x/*types.gen.d.ts"),
        *package.glob(f"esm/raw/{of}/x/*types.gen.d.ts"),
    )
    return f"./{found.relative_to(installed)}".removesuffix(".d.ts")


if __name__ == "__main__":
    main()
