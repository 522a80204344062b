"""Messages in R's words."""

from __future__ import annotations

import pytest

from kerasbridge import errors


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("expected None or True, got False", "expected NULL or TRUE, got FALSE"),
        ("`units`=None is wrong", "`units`=NULL is wrong"),
        ("NoneType has no Truth", "NoneType has no Truth"),
        ("the name 'None' stays", "the name 'None' stays"),
        ("axis=0 is out of bounds", "axis = 1 is out of bounds"),
        ("for axis 2 of 2", "for axis 3 of 2"),
        ("dim = 1 and dim=-1", "dim = 2 and dim=-1"),
        ("axis 1.5", "axis 1.5"),
        ("max_axis 1", "max_axis 1"),
    ],
)
def test_messages_speak_r(message, told):
    assert errors.in_r_words(message, one_based=True) == told


def test_axes_that_were_not_converted_are_not_converted_back():
    assert errors.in_r_words("axis=0 of None", one_based=False) == "axis=0 of NULL"


def test_a_near_name_is_suggested():
    assert errors.did_you_mean("unit", ["units", "use_bias"]) == " Did you mean `units`?"
    assert errors.did_you_mean("zzz", ["units", "use_bias"]) == ""


def test_an_error_keeps_its_type_and_identity():
    error = TypeError("None")
    assert errors.retold(error, one_based=True) is error
    assert error.args == ("NULL",)
    coded = OSError(2, "None")
    assert errors.retold(coded, one_based=True).args == (2, "None")


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
