"""Exceptions on their way to R."""

from __future__ import annotations

import pytest

from kerasbridge import errors


def test_a_near_name_is_suggested():
    assert errors.did_you_mean("unit", ["units", "use_bias"]) == " Did you mean `units`?"
    assert errors.did_you_mean("zzz", ["units", "use_bias"]) == ""


def failing(error, one_based=False):
    def fails():
        raise error

    return errors.guarded(fails, one_based)()


def test_a_failure_is_told_in_r_s_words_and_its_exception_is_not():
    error = TypeError("axis=1 of None")
    failure = failing(error, one_based=True)
    assert failure.message == "axis = 2 of NULL"
    assert failure.error is error
    assert str(error) == "axis=1 of None"
    assert failing(OSError(2, "None")).message == "[Errno 2] NULL"
    assert failing(KeyError("a")).message == 'There is nothing of the name "a".'
    assert failing(KeyError("The key 'a' is None")).message == "The key 'a' is NULL"
    assert failing(RuntimeError()).message == "RuntimeError"


def test_what_the_shim_says_is_known():
    failure = failing(errors.ArgumentError("`x` is 2"))
    assert (failure.message, failure.known) == ("`x` is 2", True)
    assert not failing(ValueError("`x` is 2")).known


def test_an_error_that_r_has_met_keeps_how_it_was_told_there():
    error = ValueError("axis=0 is wrong")
    assert failing(error, one_based=True).message == "axis = 1 is wrong"

    def wraps():
        try:
            raise error
        except ValueError:
            raise ValueError("Exception: axis=0 is wrong") from None

    assert errors.guarded(wraps)().message == "axis = 1 is wrong"


def test_what_a_guarded_call_raises_comes_back_as_a_value():
    def divide(x, y):
        return x / y

    assert errors.guarded(divide)(6, y=2) == 3
    failure = errors.guarded(divide)(1, 0)
    assert isinstance(failure, errors.Failure)
    with pytest.raises(ZeroDivisionError):
        failure.raise_again()


def test_the_shim_s_errors_are_python_s_own_kinds():
    assert issubclass(errors.ArgumentError, ValueError)
    assert issubclass(errors.SubscriptError, IndexError)


def test_the_r_condition_behind_an_exception_is_found():
    in_r = RuntimeError("told in R")
    in_r.r_class, in_r.message = ["simpleError"], "told in R"  # type: ignore[attr-defined]

    def fails():
        try:
            raise in_r
        except RuntimeError:
            raise ValueError("while calling R") from None

    crossed = errors.crossed(errors.guarded(fails)())
    assert crossed is not None
    assert crossed["message"] == "told in R"
    assert errors.crossed(errors.guarded(lambda: 1 / 0)()) is None
