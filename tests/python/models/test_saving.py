"""Files that are written whole, and what the names in them lead to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerasbridge.errors import ArgumentError, UnknownObjectError
from kerasbridge.models import classes, saving
from kerasbridge.models.files import _shards


def same(one: Any, other: Any) -> bool:
    return one is other


def r_class(name: str, base: type) -> type:
    """A class as R defines it, with something that stands for R's definition."""
    return classes.build(name, [base], [], {"_r_definition": object()}, "kerasbridge.r", None)


def net(*layers: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(1)])


@pytest.mark.parametrize("before", [None, "before"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, before: str | None) -> None:
    target = tmp_path / "text"
    if before is not None:
        target.write_text(before)

    def write(path: str) -> None:
        Path(path).write_text("half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        saving._whole(str(target), True, write)
    assert [path.name for path in tmp_path.iterdir()] == ([] if before is None else ["text"])
    assert before is None or target.read_text() == before


def test_an_existing_file_is_replaced_only_on_demand(tmp_path: Path) -> None:
    target = tmp_path / "text"
    saving.write_text(str(target), False, "one")
    with pytest.raises(ArgumentError, match=r"exists already[.]\nWrite `overwrite = TRUE`"):
        saving.write_text(str(target), False, "two")
    assert target.read_text() == "one"
    saving.write_text(str(target), True, "two")
    assert target.read_text() == "two"
    with pytest.raises(ArgumentError, match="no directory"):
        saving.write_text(str(tmp_path / "no" / "text"), False, "one")


def test_a_directory_takes_the_place_of_another(tmp_path: Path) -> None:
    target = tmp_path / "saved"

    def writes(name: str) -> Any:
        def write(path: str) -> None:
            Path(path).mkdir()
            Path(path, name).write_text(name)

        return write

    saving._whole(str(target), False, writes("one"))
    saving._whole(str(target), True, writes("two"))
    assert [path.name for path in target.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_list_of_weights_drops_the_files_that_it_no_longer_lists(tmp_path: Path) -> None:
    target = tmp_path / "many.weights.json"
    model = net(keras.layers.Dense(3), keras.layers.Dense(3))
    saving.save_weights(model, str(target), False, 6e-8)  # some 60 bytes
    files = {path.name for path in tmp_path.iterdir()} - {target.name}
    assert files == _shards(target)
    assert len(files) > 1
    (tmp_path / "many_note.weights.h5").write_text("not of the list")
    saving.save_weights(model, str(target), True, 1)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {target.name, "many_00000.weights.h5", "many_note.weights.h5"}


def test_classes_that_share_a_name_get_names_of_their_own() -> None:
    first, second = (r_class("Own", keras.layers.ReLU) for _ in range(2))
    found = saving.written_in_r(net(first(), second(), first(), keras.layers.ReLU()), same)
    assert found == {"Own": first._r_definition, "Own_2": second._r_definition}


def test_source_is_stored_beside_the_model_and_keras_ignores_it(tmp_path: Path) -> None:
    model = net()
    for path, zipped in ((tmp_path / "net.keras", True), (tmp_path / "net", False)):
        saving.save_model(model, str(path), False, zipped, '{"objects": {}}', same)
        assert saving.source(str(path)) == '{"objects": {}}'
        again = keras.models.load_model(path)
        np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    saving.save_model(model, str(path), True, False, None, same)
    assert saving.source(str(path)) is None


def test_everything_that_is_unknown_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "net.keras")
    own, other = r_class("Own", keras.layers.ReLU), r_class("Other", keras.losses.MeanSquaredError)
    model = net(own())
    model.compile(loss=other(), metrics=["mae"])
    stored = json.dumps({"objects": {"Own": {}, "Other": {}}})
    saving.save_model(model, path, False, None, stored, same)
    with pytest.raises(UnknownObjectError) as error:
        saving.load_model(path, {}, True, True, "load_model")
    lines = str(error.value).split("\n")
    assert lines[0].endswith("does not know: Own, Other.")
    assert "register_keras_serializable(Own)" in lines[1]
    assert "custom_objects = list(Own = Own)" in lines[2]
    assert lines[3].startswith("The R source of Own, Other is stored with the model.")
    with pytest.raises(UnknownObjectError, match=r"does not know: Own[.]"):
        saving.load_model(path, {}, False, True, "load_model")
    again = saving.load_model(path, {"Own": own, "Other": other}, True, True, "load_model")
    assert isinstance(again.layers[0], own)
    assert isinstance(again.loss, other)


def test_a_name_without_package_is_found_in_the_one_that_registered_it() -> None:
    registered = keras.saving.get_custom_objects()
    own = r_class("Own", keras.layers.ReLU)
    config = net(own()).to_json()
    try:
        keras.saving.register_keras_serializable("mine")(own)
        assert isinstance(saving.from_json(config, {}, "load_model_config").layers[0], own)
        registered["yours>Own"] = r_class("Own", keras.layers.ReLU)
        with pytest.raises(UnknownObjectError, match=r"does not know: Own[.]"):
            saving.from_json(config, {}, "load_model_config")
    finally:
        registered.clear()


def test_what_an_export_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r'"onnx" on the jax backend .* `py_install\(c\("onnx"'):
        saving.export(net(), str(tmp_path / "net.onnx"), False, "onnx", False, {})
    assert not list(tmp_path.iterdir())
