"""python -m accelnet_agent: accelnet-check."""

from accelnet_agent.cli import main

main()
