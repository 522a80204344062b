"""The generator: names, formals, defaults and descriptions of the wrappers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from kerasbridge.wrappers import bindings
from tools.wrappers import __main__ as generator
from tools.wrappers import catalog as catalogs
from tools.wrappers import changes, describe, render
from tools.wrappers.inventory import name_exceptions, public_names, r_name_of, symbols
from tools.wrappers.naming import r_name, snake_case


@pytest.fixture(scope="module")
def catalog():
    return catalogs.read()


@pytest.fixture(scope="module")
def wrappers(catalog):
    return {wrapper.name: wrapper for wrapper in describe.survey(catalog).wrappers}


# --- Names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("python", "r"),
    [
        ("Dense", "dense"),
        ("Conv2D", "conv_2d"),
        ("Conv2DTranspose", "conv_2d_transpose"),
        ("KLDivergence", "kl_divergence"),
        ("LSTM", "lstm"),
        ("LSTMCell", "lstm_cell"),
        ("ZeroPadding3D", "zero_padding_3d"),
        ("MaxNorm", "max_norm"),
        ("log1p", "log1p"),
        ("scaled_dot", "scaled_dot"),
    ],
)
def test_names_are_in_snake_case(python, r):
    assert snake_case(python) == r


@pytest.mark.parametrize(
    ("python", "r"),
    [
        ("keras.ops.sum", "op_sum"),
        ("keras.ops.image.resize", "op_image_resize"),
        ("keras.layers.Conv2DTranspose", "layer_conv_2d_transpose"),
        ("keras.optimizers.Adam", "optimizer_adam"),
        ("keras.optimizers.schedules.CosineDecay", "learning_rate_schedule_cosine_decay"),
        ("keras.losses.Huber", "loss_huber"),
        ("keras.utils.bounding_boxes.clip", "bounding_boxes_clip"),
        ("keras.utils.split_dataset", "split_dataset"),
        ("keras.Model", "model"),
    ],
)
def test_the_module_gives_the_prefix(python, r):
    assert r_name(python) == r


def test_an_exception_wins_under_any_of_an_object_s_names():
    exceptions = name_exceptions()
    symbol = next(s for s in symbols() if s.python == "keras.applications.DenseNet121")
    assert r_name_of(symbol, {}) != r_name_of(symbol, exceptions) == "application_densenet121"


def test_a_name_is_one_object_with_all_its_aliases():
    found = symbols()
    assert len({id(symbol.object) for symbol in found}) == len(found)
    dense = next(symbol for symbol in found if symbol.python == "keras.layers.Dense")
    assert dense.object is bindings.target("keras.layers.Dense")


# --- Defaults in R ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("default", "kind", "r"),
    [
        (None, "value", "NULL"),
        (True, "value", "TRUE"),
        (3, "integer", "3L"),
        (-1, "axis", "-1L"),
        (0, "axis", "1L"),
        (0, "index", "1L"),
        (0, "value", "0L"),
        (0.5, "value", "0.5"),
        (1e-07, "value", "1e-07"),
        (float("inf"), "value", "Inf"),
        (float("nan"), "value", "NaN"),
        ('a "b"', "value", '"a \\"b\\""'),
        ((2, 2), "integer", "c(2L, 2L)"),
        ((-2, -1), "axes", "c(-2L, -1L)"),
        ((0, 1), "axes", "c(1L, 2L)"),
        ((), "value", None),
        ((1, "a"), "value", None),
        ((None, 1), "value", None),
        (object(), "value", None),
    ],
)
def test_python_s_defaults_as_r_writes_them(default, kind, r):
    assert describe._in_r(default, kind) == r


# --- Wrappers ---------------------------------------------------------------------------------


def test_what_is_committed_is_what_the_generator_writes(capsys):
    assert generator.main(["--check"]) == 0, capsys.readouterr().err


def test_the_binding_table_reads_back_what_was_described(wrappers):
    table = bindings.signatures()
    assert set(table) == set(wrappers)
    for name, wrapper in wrappers.items():
        names = [parameter.name for parameter in table[name].parameters]
        assert names == [parameter.name for parameter in wrapper.parameters]


def test_forms(wrappers):
    assert wrappers["op_sum"].formals == ("x", "axis", "keepdims", "...")
    assert wrappers["layer_dense"].form == "layer"
    assert wrappers["layer_dense"].formals[:2] == ("object", "units")
    assert wrappers["layer_add"].formals == ("inputs", "...")
    mse = wrappers["loss_mean_squared_error"]
    assert (mse.form, mse.formals[:3]) == ("pair", ("y_true", "y_pred", "..."))
    assert mse.function == "keras.losses.mean_squared_error"
    assert wrappers["op_einsum"].formals == ("subscripts", "...")


def test_a_wrapper_is_one_call(wrappers, catalog):
    source = render.render(wrappers["op_sum"], catalog)
    code = [line for line in source.splitlines() if not line.startswith("#'")]
    assert [line for line in code if line] == [
        'op_sum <- wrapper("op_sum", function(x, axis = NULL, keepdims = FALSE, ...) {',
        "  call_py(bound$op_sum, arg_data(x), axis, keepdims, ...)",
        "})",
    ]
    assert "#' @param axis " in source
    assert "#' @export" in source


# --- Coverage ---------------------------------------------------------------------------------


def test_every_public_object_is_reached_or_excluded_with_a_reason(catalog, wrappers):
    exceptions = name_exceptions()
    exports = Path(generator._ROOT, "NAMESPACE").read_text()
    for symbol in symbols():
        names = {symbol.python, *symbol.aliases}
        if reasons := [catalog.excluded[name] for name in names & catalog.excluded.keys()]:
            assert all(len(reason.split()) > 3 for reason in reasons), names
        elif written := [catalog.handwritten[name] for name in names & catalog.handwritten.keys()]:
            assert all(f"export({name})" in exports for name in written), names
        else:
            assert r_name_of(symbol, exceptions) in wrappers, names


def test_exclusions_are_few_and_of_things_that_exist(catalog):
    listed = {**catalog.excluded, **catalog.handwritten}
    assert {name for name in listed if name not in public_names()} == set()
    assert len(catalog.excluded) <= 60


# --- Gaps -------------------------------------------------------------------------------------


def without(catalog, **changes):
    return dataclasses.replace(catalog, **changes)


def test_a_function_without_a_description_stops_the_generator(catalog):
    entries = {name: entry for name, entry in catalog.entries.items() if name != "op_sum"}
    found = describe.survey(without(catalog, entries=entries))
    assert found.gaps == ["The catalog does not describe:\n  op_sum: keras.ops.sum"]
    assert "op_sum" in {wrapper.name for wrapper in found.wrappers}


def test_a_description_without_a_function_stops_the_generator(catalog):
    entry = dataclasses.replace(catalog.entries["op_sum"], name="op_summ")
    odd = without(catalog, entries={**catalog.entries, "op_summ": entry})
    assert describe.survey(odd).gaps == ["The catalog describes what Keras lacks: op_summ."]


def test_a_parameter_without_a_description_stops_the_generator(catalog, wrappers):
    def bare(texts):
        return {name: text for name, text in texts.items() if name != "keepdims"}

    entry = dataclasses.replace(catalog.entries["op_sum"], params={})
    gap = without(
        catalog,
        entries={**catalog.entries, "op_sum": entry},
        shared={file: bare(texts) for file, texts in catalog.shared.items()},
        common=bare(catalog.common),
    )
    with pytest.raises(catalogs.Incomplete) as told:
        render.render(wrappers["op_sum"], gap)
    assert str(told.value) == "op_sum(): the parameter `keepdims` has no description."


def test_a_parameter_of_an_unknown_kind_stops_the_generator(catalog):
    odd = dataclasses.replace(catalog.entries["op_sum"], kinds={"axis": "axle"})
    (gap,) = describe.survey(without(catalog, entries={**catalog.entries, "op_sum": odd})).gaps
    assert gap == "keras.ops.sum: `axis` has the unknown kind 'axle'."


def test_a_gap_is_told_and_fails_the_command(python, tmp_path):
    script = rf"""
import re, shutil, sys
from pathlib import Path
from tools.wrappers import __main__ as generator, catalog
folder = Path({str(tmp_path)!r}) / "catalog"
shutil.copytree(catalog.FOLDER, folder)
for path in folder.glob("*.toml"):
    path.write_text(re.sub(r"(?m)^\[op_sum(?=[].])", "[op_other", path.read_text()))
catalog.FOLDER = folder
sys.stderr = sys.stdout
print(generator.main(["--check"]))
"""
    assert python(script).splitlines() == [
        "The catalog does not describe:",
        "  op_sum: keras.ops.sum",
        "The catalog describes what Keras lacks: op_other.",
        "1",
    ]


def test_every_parameter_without_a_description_is_told(catalog, wrappers):
    texts = {file: {} for file in catalog.shared}
    entry = dataclasses.replace(catalog.entries["op_sum"], params={})
    bare = without(catalog, entries={**catalog.entries, "op_sum": entry}, shared=texts, common={})
    assert render.undescribed(wrappers["op_sum"], bare) == [
        f"op_sum(): the parameter `{name}` has no description."
        for name in ("x", "axis", "keepdims")
    ]


def test_changes_are_told_as_a_table():
    def of(python, *parameters, **fields):
        return {"python": python, "parameters": list(parameters), **fields}

    x, axis = ["x", "tensor"], ["axis", "axis", None]
    before = {
        "op_sum": of("keras.ops.sum", x, axis, ["old", "value", None, "omit"]),
        "op_same": of("keras.ops.same", x),
        "op_moved": of("keras.ops.moved", x, axis),
        "op_gone": of("keras.ops.gone", x),
    }
    after = {
        "op_sum": of(
            "keras.ops.sum",
            x,
            ["axis", "axis", -1],
            ["where", "tensor", True],
        ),
        "op_same": of("keras.ops.same", x),
        "op_moved": of("keras.math.moved", axis, x, result="index"),
        "op_psnr": of("keras.ops.psnr", x, ["max_val", "value"]),
    }
    assert changes.table(before, after).splitlines() == [
        "new      op_psnr   keras.ops.psnr    x, max_val",
        "changed  op_moved  keras.math.moved  another order; python "
        '"keras.math.moved", was "keras.ops.moved"; result "index", was null',
        "changed  op_sum    keras.ops.sum     + where (tensor, true); - old; "
        "axis (axis, -1; was axis, null)",
        "gone     op_gone   keras.ops.gone",
    ]
    assert changes.table(before, before) == ""


def test_percent_signs_are_escaped_outside_code():
    assert render._escaped("50% of `a %% b`") == r"50\% of `a %% b`"
