import io
import sys

import pytest

from deltaflow.terminal.screen import console


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", b"? = 1"), ("utf-8", "δ = 1".encode())])
def test_a_stream_that_knows_no_greek_shows_a_question_mark(encoding, shown, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    console().print("δ = 1")
    sys.stdout.flush()
    assert written.getvalue().strip() == shown
