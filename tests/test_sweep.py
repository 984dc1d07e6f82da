from hypothesis import given, settings
from hypothesis import strategies as st

from deltaflow.cli import unique
from deltaflow.sweep import slug


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=300))
def test_a_run_has_a_name_that_every_file_system_takes(overrides):
    name = slug(12, overrides)
    assert name.startswith("12_") or name == "12"
    assert len(name.encode()) <= 80
    assert not set(name) & set('/\\:*?"<>| \n\t')
    assert name not in (".", "..")


def test_names_differ_even_within_one_process_and_second():
    assert len({unique() for _ in range(1000)}) == 1000
