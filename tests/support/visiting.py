"""A visit to the live page: what its visitor sees, and what its server knows of it."""

import socket
from contextlib import contextmanager

import panel

from waiting import wait_until

_SLOWEST = 600_000  # milliseconds that a tab may take to connect


@contextmanager
def listening(pages, address="127.0.0.1"):
    """Serves pages meanwhile, at a port that it tells."""
    with socket.create_server((address, 0)) as free:
        port = free.getsockname()[1]
    often = {
        "check_unused_sessions_milliseconds": 200,
        "unused_session_lifetime_milliseconds": _SLOWEST,
    }
    server = pages.serve(port, address, show=False, threaded=True, **often)
    wait_until(lambda: answers("127.0.0.1", port))
    yield port
    server.stop()


def wait_until_left(pages):
    """Wait until the sessions of closed tabs are discarded, as they are after some seconds."""
    _keep_unused(1)
    wait_until(lambda: not pages.open)
    _keep_unused(_SLOWEST)


def _keep_unused(milliseconds):
    for server, *_ in panel.state._servers.values():
        server._tornado._unused_session_lifetime_milliseconds = milliseconds


def answers(address, port):
    """Whether somebody listens there."""
    with socket.socket() as asked:
        return asked.connect_ex((address, port)) == 0


def only(served):
    """The one page that is open, once it has networks."""
    pages, _ = served
    wait_until(lambda: len(pages.open) == 1 and pages.open[0].training is not None)
    return pages.open[0]


def shown(tab, figure):
    """The columns of a figure's parts, as Bokeh draws them in the browser."""
    return tab.evaluate(
        """name => Bokeh.documents[0].get_model_by_name(name).renderers.map(r => {
            const data = r.data_source.data, pairs = data.entries?.() ?? Object.entries(data);
            return Object.fromEntries([...pairs].map(([k, v]) => [k, Array.from(v)]));
        })""",
        figure,
    )


def frames(tab):
    """Titles and axes of all figures by name, as the browser has them."""
    return tab.evaluate(
        """() => Object.fromEntries([...Bokeh.documents[0].all_models].filter(
            one => one.type == 'Figure').map(({name, title, x_range, y_range}) => [name, [
                title.text, x_range.start, x_range.end, y_range.start, y_range.end]]))"""
    )


def button(tab, name):
    return tab.get_by_role("button", name=name, exact=True)


def place(tab, figure, x, y):
    """Where a point of a figure is on the screen."""
    return tab.evaluate(
        """([name, x, y]) => {
            const found = [], into = view => {
                if (view.model.name == name) found.push(view);
                for (const child of view.children?.() ?? []) into(child);
            };
            for (const view of Object.values(Bokeh.index)) into(view);
            for (const view of Bokeh.index) into(view);
            const [plot] = found, box = plot.el.getBoundingClientRect();
            const {x_scale, y_scale} = plot.frame ?? plot.model;
            return [box.x + x_scale.compute(x), box.y + y_scale.compute(y)];
        }""",
        [figure, x, y],
    )


def focus(tab, name):
    """Go to what has that name by the key Tab alone."""
    for _ in range(80):
        found = tab.evaluate(
            """() => {
                let one = document.activeElement;
                while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
                return one?.labels?.[0]?.innerText || one?.innerText || one?.ariaLabel || '';
            }"""
        )
        if found.strip() == name:
            return
        tab.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to «{name}».")
