"""A visit to the live page: what its visitor sees, and what its server knows of it."""

from waiting import wait_until


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
                title.text, x_range.start, x_range.end, y_range.start, y_range.end]]))""",
    )


def button(tab, name):
    return tab.get_by_role("button", name=name, exact=True)
