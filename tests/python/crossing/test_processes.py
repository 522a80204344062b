"""Children of Python in R look for libraries as they would without R."""

from __future__ import annotations

import os

import pytest

from kerasbridge.crossing import processes

LDPATHS = """
: ${R_LD_LIBRARY_PATH=${R_HOME}/lib:/usr/lib/somewhere}
if test -z "${LD_LIBRARY_PATH}"; then
  LD_LIBRARY_PATH="${R_LD_LIBRARY_PATH}"
else
  LD_LIBRARY_PATH="${R_LD_LIBRARY_PATH}:${LD_LIBRARY_PATH}"
fi
export LD_LIBRARY_PATH
"""


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/R/lib:/R/more", ""),
        ("/R/lib:/R/more:/own", "/own"),
        ("/R/lib:/R/more:/R/lib:/R/more:/own:/two", "/own:/two"),
        ("/own:/R/lib:/R/more:/two", "/own:/two"),
        ("/R/library", "/R/library"),
        ("", ""),
    ],
)
def test_r_s_entries_are_taken_wherever_they_stand(path, kept):
    assert processes.without(path, ["/R/lib", "/R/more"]) == kept


@pytest.mark.parametrize("arch", ["", "/other"])
@pytest.mark.parametrize("own", [None, "/own:/two"])
def test_the_launcher_s_own_script_says_what_is_r_s(tmp_path, monkeypatch, arch, own):
    script = tmp_path / f"etc{arch}" / "ldpaths"
    script.parent.mkdir(parents=True)
    script.write_text(LDPATHS)
    ours = f"{tmp_path}/lib:/usr/lib/somewhere"
    monkeypatch.setenv("R_HOME", str(tmp_path))
    monkeypatch.setenv("R_ARCH", arch)
    monkeypatch.setenv("LD_LIBRARY_PATH", ours if own is None else f"{ours}:{own}")
    processes.install()
    assert os.environ.get("LD_LIBRARY_PATH") == own


def test_without_r_s_script_the_path_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("R_HOME", str(tmp_path))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/R/lib:/own")
    processes.install()
    assert os.environ["LD_LIBRARY_PATH"] == "/R/lib:/own"
