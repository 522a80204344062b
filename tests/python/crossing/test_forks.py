"""A forked copy refuses the frameworks; Python's own forks do not."""

import os
import sys
import time

import pytest

from kerasbridge.crossing import forks
from kerasbridge.errors import ForkError


def function_of(module):
    scope = {"__name__": module}
    exec("def f(): return len([1])", scope)
    return scope["f"]


@pytest.fixture
def watch():
    before = sys.getprofile()
    yield lambda: sys.setprofile(forks._refuse)
    sys.setprofile(before)


def test_the_code_of_a_framework_is_not_entered(watch):
    f = function_of("jax._src.api")
    watch()
    for _ in range(2):  # and stays refused
        with pytest.raises(ForkError, match=r"forked copy.* in which jax was"):
            f()
        time.sleep(0.1)


def test_all_other_code_is(watch):
    f = function_of("jaxtyping")
    watch()
    assert f() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_of_python_s_own_goes_on():
    forks.install()
    child = os.fork()
    if not child:
        forks._in_child(None)
        os._exit(0 if sys.getprofile() is None else 1)
    assert os.waitpid(child, 0)[1] == 0
