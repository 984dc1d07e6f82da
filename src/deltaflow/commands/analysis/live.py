"""Open a page where one thing is changed and the gradient answers, in a browser on this machine.

    python scripts/live.py activation=sigmoid network.depth=10

It takes the overrides of train.py to begin with, and needs `pip install "deltaflow[live]"`.

    --port 0            to listen at; 0 takes any that is free
    --address 127.0.0.1 to listen at; another lets other machines in
    --no-browser        open none
"""

from collections.abc import Sequence

from deltaflow.commands.analysis.parser import Parser
from deltaflow.config.messages import entry_point


@entry_point
def main(arguments: Sequence[str]) -> None:
    """Serve the page until Ctrl-C."""
    parser = Parser("The live page takes overrides of a run, --port, --address and --no-browser.")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--address")
    parser.add_argument("--no-browser", action="store_true")
    typed = parser.parse_intermixed_args(arguments)
    from deltaflow.live_page import serve  # Panel takes its time

    serve(typed.overrides, typed.port, typed.address, not typed.no_browser)
