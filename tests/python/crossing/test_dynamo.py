"""R functions under `torch.compile` run once for each trace; here Python's stand for R's."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from kerasbridge.crossing import dynamo  # noqa: E402


class Counted:
    """A function that counts its runs, called as reticulate calls R's."""

    def __init__(self, body: Any, **options: Any) -> None:
        self.runs = 0
        self._body = body
        r_call = dynamo.traceable(lambda function, *args, **kwargs: function(*args, **kwargs))

        def python_function(*args: Any, **kwargs: Any) -> Any:
            return r_call(self._run, *args, **kwargs)

        self.plain = python_function
        torch._dynamo.reset()
        # C++ compilation would take seconds
        self.compiled = torch.compile(python_function, **{"backend": "aot_eager", **options})

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        self.runs += 1
        return self._body(*args, **kwargs)

    def check(self, *args: Any, **kwargs: Any) -> Any:
        """Compiled twice; the value is that of the function itself."""
        for _ in range(2):
            value = self.compiled(*args, **kwargs)
            torch.testing.assert_close(value, self._body(*args, **kwargs))
        return value


def test_a_function_runs_once_for_each_kind_of_arguments():
    f = Counted(lambda x, by=2.0: {"product": x * by, "also": [x, by, None]})
    for i in range(4):
        f.check(torch.full((3,), float(i)))
    assert f.runs == 1
    others: list[tuple[Any, dict[str, Any]]] = [
        (torch.ones(4), {}),
        (torch.ones(3, dtype=torch.float64), {}),
        (torch.ones(3, requires_grad=True), {}),
        (torch.ones(3), {"by": 3.0}),
    ]
    for n, (x, named) in enumerate(others, start=2):
        f.check(x, **named)
        assert f.runs == n
    with torch.no_grad():
        f.check(torch.ones(3))
    assert f.runs == 6


def test_without_a_compiled_caller_it_runs_at_every_call():
    f = Counted(lambda x: x + 1)
    f.plain(torch.ones(2))
    f.plain(torch.ones(2))
    assert f.runs == 2


def test_gradients_and_updates_reach_what_is_captured():
    w = torch.nn.Parameter(torch.ones(2, 1))
    f = Counted(lambda x: ((x @ w) ** 2).mean())
    x = torch.ones(3, 2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    values = []
    for _ in range(3):
        loss = f.compiled(x)
        loss.backward()
        values.append(loss.item())
        optimizer.step()
        optimizer.zero_grad()
    # each step takes 0.1 · 2 · Σw from both weights
    assert values == pytest.approx([4, 1.44, 0.5184])
    assert f.runs == 1
    assert x.grad is not None


def test_in_place_changes_happen_once_for_each_call():
    count, rows, given = torch.zeros(1), torch.zeros(2, 3), torch.zeros(2)

    def body(x: Any) -> Any:
        count.add_(1)
        rows[0] += 2
        x.add_(1)
        return count * 1

    f = Counted(body)
    for i in range(1, 4):
        assert f.compiled(given).item() == i
        assert (count.item(), rows[0, 0].item(), given[0].item()) == (i, 2 * i, i)
    assert f.runs == 1


def test_what_has_no_gradient_in_the_function_has_none_in_the_graph():
    def body(x: Any) -> Any:
        with torch.no_grad():
            scale = x.sum()
        return (x * scale).sum()

    f = Counted(body)
    x = torch.ones(3, requires_grad=True)
    f.compiled(x).backward()
    assert x.grad.tolist() == [3, 3, 3]
    assert f.runs == 1


def test_random_numbers_are_new_at_each_call():
    f = Counted(lambda x: x + torch.rand(3))
    x = torch.zeros(3)
    assert f.compiled(x).tolist() != f.compiled(x).tolist()
    assert f.runs == 1


@pytest.mark.parametrize(
    "body",
    [
        lambda x: x * x.detach().numpy().sum(),
        lambda x: x if (x > 0).all() else -x,
        lambda x: [x * 2, (x**2).sum().backward()][0],
    ],
    ids=["values", "control flow", "backward"],
)
def test_what_no_graph_can_stand_for_runs_at_every_call(body):
    f = Counted(body)
    x = torch.ones(3, requires_grad=True)
    with pytest.warns(UserWarning, match="runs uncompiled, at every call"):
        f.compiled(x)
    runs = f.runs
    torch.testing.assert_close(f.compiled(x), body(x))
    assert f.runs == runs + 1
    assert type(x.grad) in (torch.Tensor, type(None))


def test_its_own_errors_are_raised():
    def body(x: Any) -> Any:
        raise ValueError("no such thing")

    f = Counted(body)
    with pytest.raises(ValueError, match="no such thing"):
        f.compiled(torch.ones(1))


class Scaled(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = 2.0
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
        self.dropout = torch.nn.Dropout(0.5)


def test_a_module_is_traced_again_when_it_changes():
    module = Scaled().eval()
    f = Counted(lambda self, x: self.dropout(self.layers(x)) * self.scale)
    x = torch.arange(6.0).reshape(3, 2)
    f.check(module, x)
    with torch.no_grad():
        module.layers[0].weight.mul_(2)
    f.check(module, x)
    assert f.runs == 1
    module.scale = 3.0
    f.check(module, x)
    module.layers[0].bias = torch.nn.Parameter(torch.ones(2))
    f.check(module, x)
    module.layers[0] = torch.nn.Identity()
    f.check(module, x)
    assert f.runs == 4
    module.train()
    for i in range(1, 4):
        assert 0 in f.compiled(module, x)
        assert module.layers[1].num_batches_tracked.item() == i
    assert f.runs == 5


def test_a_captured_module_is_traced_again_when_it_changes():
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(1.0))
    f = Counted(lambda x: net(x))
    x = torch.ones(1, 2)
    assert not f.check(x).any()
    net.eval()
    assert f.check(x).all()
    assert f.runs == 2
    net[0].weight = torch.nn.Parameter(torch.ones(2, 2))
    f.check(x)
    assert f.runs == 3


def test_a_module_that_assigns_to_itself_is_run_at_every_call():
    module = Scaled()

    def body(self: Any, x: Any) -> Any:
        self.scale = self.scale + 1
        self.last = x * 1
        return x * self.scale

    f = Counted(body)
    with pytest.warns(UserWarning, match="assigns to attributes"):
        assert f.compiled(module, torch.ones(1)).item() == 3
    assert f.compiled(module, torch.ones(1)).item() == 4
    assert type(module.last) is torch.Tensor


def test_a_graph_runs_without_a_compiler():
    def broken(graph: Any, inputs: Any) -> Any:
        raise RuntimeError("no compiler")

    f = Counted(lambda x: x + 1, backend=broken)
    with pytest.warns(UserWarning, match="graph of an R function runs uncompiled"):
        assert f.compiled(torch.ones(1)).item() == 2
    assert f.compiled(torch.ones(1)).item() == 2
    assert f.runs == 1


def test_many_functions_are_compiled():
    graphs = []

    def backend(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    functions = [Counted(lambda x, i=i: x + i, backend=backend) for i in range(20)]
    for size in (1, 2):
        for i, f in enumerate(functions):
            assert f.check(torch.zeros(size)).sum().item() == i * size
    assert [f.runs for f in functions] == [2] * 20
    assert len(graphs) == 40
