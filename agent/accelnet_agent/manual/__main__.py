"""python -m accelnet_agent.manual FOLDER: write the man pages and completions below it."""

from __future__ import annotations

import os
import sys

from accelnet_agent.manual import completion
from accelnet_agent.manual.agent import AGENT
from accelnet_agent.manual.check import CHECK
from accelnet_agent.manual.page import page


def main(folder: str) -> None:
    """Write docs/man and completions."""
    for command in (CHECK, AGENT):
        name = command.name
        for path, text in (
            (f"docs/man/{name}.{command.section}", page(command)),
            (f"completions/{name}.bash", completion.bash(command)),
            (f"completions/_{name}", completion.zsh(command)),
            (f"completions/{name}.fish", completion.fish(command)),
        ):
            target = os.path.join(folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="ascii") as file:
                file.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
