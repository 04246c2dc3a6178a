"""PyTorch: modules are pruned by torch.nn.utils.prune or channel by channel, and students trained by AdamW."""

from pathlib import Path
from typing import Any

import numpy as np

from model_build import runtime
from model_build.converters import torch_calls, torch_files
from model_build.converters.torch_files import Loaded
from model_build.data import load
from model_build.learning import SEED, Array, Lesson, Prune, Teach, Tune, begin, torch_channels

_LEAST = 1e-7
"""Shares below which a logarithm is taken of this."""


def prune(file: Path, asked: Prune, tune: Tune, folder: Path) -> str:
    torch = _ready()
    called = f"source {asked.label!r}"
    loaded = torch_files.load(file, called)
    if loaded.exported or loaded.scripted:
        got = "a program of torch.export" if loaded.exported else "TorchScript"
        raise asked.refuse(
            f"{called} is {got}, whose layers are fixed", "module, which a function returns or torch.save wrote"
        )
    model: Any = loaded.model.cpu().float()
    given = loaded.example or load(Path(asked.settings["data"]))[0]
    inputs = torch_calls.rows(Loaded(model), given, asked.settings.get("axes"), called)
    widths = torch_channels.widths(model)
    for share in asked.shares():
        if asked.what == "channels":
            torch_channels.narrow(model, inputs, share, widths)
        else:
            _mask(model, share)
        before = _size(model)
        model.train()
        made = tune(model)
        model = model if made is None else made
        if not isinstance(model, torch.nn.Module) or _size(model) != before:
            raise asked.refuse(
                "it gave back another model than the one that it was handed", "that one, trained further"
            )
    if asked.what == "weights":
        for layer in _layers(model):
            if torch.nn.utils.prune.is_pruned(layer):
                torch.nn.utils.prune.remove(layer, "weight")
    return torch_files.save(model.eval(), loaded.example, folder)


def _ready() -> Any:
    """torch, which sums in one order whatever the machine has of cores."""
    torch = runtime.untyped("torch")
    runtime.untyped("torch.nn.utils.prune")
    begin()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    return torch


def _size(model: Any) -> int:
    return sum(int(value.numel()) for value in model.parameters())


def _layers(model: Any) -> list[Any]:
    torch = runtime.untyped("torch")
    kinds = (torch.nn.Linear, torch.nn.modules.conv._ConvNd)  # pyright: ignore[reportPrivateUsage]
    return [layer for layer in model.modules() if isinstance(layer, kinds)]


def _mask(model: Any, share: float) -> None:
    """The smallest weights of each layer as zeros, which training leaves as they are."""
    torch = runtime.untyped("torch")
    tools = torch.nn.utils.prune
    for layer in _layers(model):
        if tools.is_pruned(layer):
            tools.remove(layer, "weight")
        values = layer.weight.detach().abs().flatten()
        mask = torch.ones_like(values)
        mask[torch.argsort(values, stable=True)[: int(share * len(values))]] = 0
        tools.custom_from_mask(layer, "weight", mask.reshape(layer.weight.shape))


def teach(student: Any, lesson: Lesson, asked: Teach, folder: Path) -> str:
    torch = _ready()
    loaded = Loaded(student.cpu().float().train())
    allowed, needed = torch_calls.parameters(loaded, asked.student)
    inputs = {name: torch_calls.tensor(loaded, values) for name, values in lesson.inputs.items()}
    if set(inputs) - set(allowed) or set(needed) - set(inputs):
        got = f"its student takes {', '.join(needed or allowed)}"
        raise asked.refuse(got, f"what the teacher takes, {', '.join(inputs)}; name forward's parameters so")
    teacher, labels = torch.from_numpy(lesson.teacher), torch.from_numpy(lesson.labels)
    _check(loaded, inputs, teacher, asked)
    torch.manual_seed(SEED)
    optimizer = torch.optim.AdamW(student.parameters(), lr=asked.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, asked.epochs)
    for epoch in range(asked.epochs):
        total = 0.0
        for rows in torch.randperm(len(labels)).split(asked.batch):
            if len(rows) == 1 < len(labels):
                continue  # batch normalisation has nothing to learn of one row
            answers = torch_calls.outputs(student(**{name: value[rows] for name, value in inputs.items()}))
            loss = _loss(answers[asked.output], teacher[rows], labels[rows], asked)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        schedule.step()
        if (epoch + 1) % max(asked.epochs // 3, 1) == 0:
            print(f"epoch {epoch + 1} of {asked.epochs}, loss {total / len(labels):.4f}")
    return torch_files.save(student.eval(), {}, folder)


def _check(loaded: Loaded, inputs: dict[str, Any], teacher: Any, asked: Teach) -> None:
    """Raise SourceError for a student that does not answer in the form of its teacher."""
    loaded.model.eval()
    answers = torch_calls.call(loaded, {name: value[:2] for name, value in inputs.items()})
    loaded.model.train()
    if asked.output not in answers:
        got = f"its student answers with {', '.join(answers)}"
        raise asked.refuse(got, f"{asked.output}, as the teacher; return a dict of name to tensor")
    answer = answers[asked.output]
    if list(answer.shape[1:]) != list(teacher.shape[1:]):
        got = f"its student answers [rows{''.join(f', {n}' for n in answer.shape[1:])}]"
        raise asked.refuse(got, f"[rows{''.join(f', {n}' for n in teacher.shape[1:])}], as the teacher does")
    if asked.shares and not _are_shares(answer.numpy()):
        raise asked.refuse("its student answers with scores", "shares, as the teacher does; end forward with softmax")


def _are_shares(values: Array) -> bool:
    return bool((values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-3))


def _loss(answer: Any, teacher: Any, labels: Any, asked: Teach) -> Any:
    """Nearness to the teacher, softened by the temperature, and to the labels (Hinton and others, 2015)."""
    torch = runtime.untyped("torch")
    functional = torch.nn.functional
    if asked.kind != "classes":
        near = functional.mse_loss(answer, teacher)
        if asked.kind == "answers":
            return near
        return asked.alpha * near + (1 - asked.alpha) * functional.mse_loss(answer, labels.reshape(answer.shape))
    scores = answer.clamp_min(_LEAST).log() if asked.shares else answer
    soft = functional.log_softmax(scores / asked.temperature, 1)
    wanted = functional.softmax(teacher / asked.temperature, 1)
    # Its gradients shrink with the square of the temperature.
    near = functional.kl_div(soft, wanted, reduction="batchmean") * asked.temperature**2
    return asked.alpha * near + (1 - asked.alpha) * functional.cross_entropy(scores, labels)
