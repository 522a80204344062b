"""Which device has what: meshes, layouts and distributions in words, and the rules of a map."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Any, Final

from kerasbridge.distribution import clusters
from kerasbridge.errors import ArgumentError, did_you_mean

#: What is shown of a row of devices, and of the rows.
_SHOWN: Final = 8


def rule(layout_map: Any, path: Any, axes: Any) -> None:
    """Set the layout of the weights whose whole path is matched by `path`; ``None`` removes it."""
    if not isinstance(path, str) or not path:
        raise ArgumentError("A rule's name must be a regular expression, as one string.")
    try:
        re.compile(path)
    except re.error as error:
        raise ArgumentError(f'"{path}" is no regular expression of Python\'s: {error}.') from error
    layout = None if axes is None else _layout(layout_map.device_mesh, axes)
    if path in list(layout_map):  # a map contains whatever it is asked for
        del layout_map[path]
    if layout is not None:
        layout_map[path] = layout


def _layout(mesh: Any, axes: Any) -> Any:
    """A layout, also from the names of a mesh's axes, ``None`` or R's `NA` where there is none."""
    layouts = importlib.import_module("keras").distribution.TensorLayout
    if isinstance(axes, layouts):
        return axes
    given = [axes] if isinstance(axes, str) else axes
    if not isinstance(given, (list, tuple)):
        raise ArgumentError(
            'A layout must be a list such as `list(NULL, "model")`: for each axis of the weight '
            "the name of an axis of the mesh, or NULL."
        )
    names = [None if name is None or name == "NA" else name for name in given]
    known = list(mesh.axis_names)
    for name in names:
        if name is not None and name not in known:
            shown = ", ".join(f'"{axis}"' for axis in known)
            raise ArgumentError(
                f"The mesh has no axis {name!r}: it has {shown}." + did_you_mean(str(name), known)
            )
    return layouts(names)


def of_path(layout_map: Any, path: str) -> Any:
    """The layout of the weight at `path`; ``None`` where every device has all of it."""
    return layout_map[path]


def shown(value: Any) -> str:
    """A mesh, a layout, a map of layouts or a distribution, and who has what of it."""
    library = importlib.import_module("keras").distribution
    for kind, lines in (
        (library.DeviceMesh, _mesh),
        (library.TensorLayout, _tensor_layout),
        (library.LayoutMap, _map),
    ):
        if isinstance(value, kind):
            return "\n".join(lines(value))
    return "\n".join(_distribution(value))


def _mesh(mesh: Any) -> list[str]:
    return [f"<DeviceMesh: {_counted(mesh.devices.size, 'device')}, {_axes(mesh)}>", *_rows(mesh)]


def _axes(mesh: Any) -> str:
    sizes = zip(mesh.axis_names, mesh.devices.shape, strict=True)
    return " x ".join(f"{name} {size}" for name, size in sizes)


def _rows(mesh: Any) -> list[str]:
    """The devices, a line for each row of the grid; then those of each process."""
    grid = mesh.devices.reshape(-1, mesh.devices.shape[-1])
    places = [
        ", ".join(f"{n} {i + 1}" for n, i in zip(mesh.axis_names, at, strict=False))
        for at in _positions(mesh.devices.shape[:-1])
    ]
    lines = [
        (f"  {place}: " if place else "  ") + _some(row)
        for place, row in zip(places[:_SHOWN], grid, strict=False)
    ]
    if len(grid) > _SHOWN:
        lines.append(f"  ... {len(grid)} rows in all")
    return lines + _owners([str(device) for device in mesh.devices.flatten()])


def _positions(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    np = importlib.import_module("numpy")
    return list(np.ndindex(*shape))


def _owners(names: list[str]) -> list[str]:
    """Which process has which devices, where there are several."""
    place = clusters.current()
    if place is None:
        return []
    jax = importlib.import_module("jax")
    owner = {f"{device.platform}:{device.id}": device.process_index for device in jax.devices()}
    lines = []
    for rank in range(place.processes):
        which = " (this one)" if rank == place.rank else ""
        own = [name for name in names if owner.get(name) == rank]
        lines.append(f"  process {rank + 1}{which}: {_some(own) or 'none'}")
    return lines


def _some(devices: Iterable[Any]) -> str:
    names = [str(device) for device in devices]
    if len(names) <= _SHOWN:
        return " ".join(names)
    return " ".join([*names[: _SHOWN - 1], "...", names[-1]]) + f" ({len(names)} in all)"


def _tensor_layout(layout: Any) -> list[str]:
    return [f"<TensorLayout: {_split(layout)}>"]


def _split(layout: Any) -> str:
    """What becomes of each axis of a tensor."""
    mesh = layout.device_mesh
    sizes = {} if mesh is None else dict(zip(mesh.axis_names, mesh.devices.shape, strict=True))
    parts = []
    for number, name in enumerate(layout.axes, 1):
        count = f"in {sizes[name]} " if name in sizes else ""
        parts.append(
            f"axis {number} whole" if name is None else f'axis {number} {count}along "{name}"'
        )
    return ", ".join(parts) or "no axis is split"


def _map(layout_map: Any) -> list[str]:
    mesh = layout_map.device_mesh
    over = "" if mesh is None else f" on a mesh of {_axes(mesh)}"
    return [f"<LayoutMap: {_counted(len(layout_map), 'rule')}{over}>", *_rules(layout_map)]


def _rules(layout_map: Any) -> list[str]:
    width = max(map(len, layout_map), default=0)
    lines = [f"  {path:<{width}}  {_split(layout_map[path])}" for path in layout_map]
    return [*lines, "  Every device has all other weights whole."]


def _distribution(value: Any) -> list[str]:
    name = type(value).__name__
    mesh = getattr(value, "device_mesh", None)
    if mesh is None:  # on PyTorch a process is a device
        return [
            f"<{name}: each batch in {_counted(value.processes, 'part')}, one per process>",
            *_place(),
        ]
    parts = value.num_model_replicas
    batches = f'each batch in {_counted(parts, "part")} along "{value.batch_dim_name}"'
    lines = [f"<{name}: {batches}, {_axes(mesh)}>", *_rows(mesh)]
    layout_map = getattr(value, "_layout_map", None)
    if layout_map is None:
        return [*lines, "  Every device has all weights whole."]
    return [*lines, *_rules(layout_map)]


def _place() -> list[str]:
    place = clusters.current()
    return [] if place is None else [f"  This is {place.described()}."]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
