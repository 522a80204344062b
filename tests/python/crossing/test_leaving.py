"""The exception that carries a jump of R's through Python."""

import gc

import pytest

from kerasbridge.crossing.leaving import Leaving, leaving_of


def test_it_is_no_error_and_passes_what_catches_errors():
    done = []

    def leave():
        try:
            raise Leaving("jump")
        except Exception:
            done.append("caught")
        finally:
            done.append("finally")

    with pytest.raises(Leaving) as caught:
        leave()
    assert done == ["finally"]
    assert leaving_of(caught.value) == "jump"


def test_it_is_found_behind_what_was_raised_on_its_way():
    def leave():
        try:
            raise Leaving("jump")
        except BaseException as leaving:
            raise KeyError("first") from leaving

    def hide():
        try:
            leave()
        except KeyError:
            raise ValueError("second")  # noqa: B904

    with pytest.raises(ValueError, match="second") as caught:
        hide()
    assert leaving_of(caught.value) == "jump"


def test_it_is_found_by_its_text_where_c_has_kept_nothing_else():
    leavings = [Leaving(f"jump {i}") for i in range(12)]
    for i, leaving in enumerate(leavings):
        error = RuntimeError(f"UnknownError: Leaving: {leaving}\nTraceback (most recent call last)")
        assert leaving_of(error) == f"jump {i}"
    assert leaving_of(RuntimeError("another")) is None


def test_nothing_is_kept_of_a_jump_that_python_has_forgotten():
    told = str(Leaving("jump"))
    gc.collect()
    assert leaving_of(RuntimeError(told)) is None
