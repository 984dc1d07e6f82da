"""Open a page in the browser that shows at once how a setting changes the gradient flow.

    python scripts/live.py activation=sigmoid network.depth=10

It takes overrides of train.py as initial settings, and needs `pip install "deltaflow[live]"`.

    --port 0            port of the server; 0 takes any free port
    --address 127.0.0.1 address of the server; with another address other machines have access
    --no-browser        do not open a browser
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
    from deltaflow.live_page import serve  # Panel is slow to import

    serve(typed.overrides, typed.port, typed.address, not typed.no_browser)
