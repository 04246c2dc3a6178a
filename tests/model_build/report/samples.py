"""Reports made up by hand, of the kinds that builds make: all that a page has to show, without building anything."""

from model_build.report import (
    Candidate,
    Confusion,
    Evaluation,
    Gate,
    Image,
    Latency,
    Parity,
    Points,
    Report,
    Source,
    Step,
)
from model_build.report.profile import Feature, Histogram, Profile

DIGEST = "sha256:" + "9f2c4e71" * 8


def latency(middle: float, spread: float = 0.3, count: int = 200) -> Latency:
    """Samples with a long tail, as real calls have: a fixed pseudo-random sequence, no clock."""
    state, samples = 12345, list[float]()
    for _ in range(count):
        state = (1103515245 * state + 12345) % 2**31
        part = state / 2**31
        samples.append(round(middle * (1 + spread * (part**4) * 3 + spread * 0.2 * part), 6))
    ordered = sorted(samples)
    return Latency(
        p50_ms=ordered[count // 2],
        p99_ms=ordered[int(count * 0.99)],
        mean_ms=sum(samples) / count,
        samples_ms=samples,
        batch=1,
    )


def classifier(**changes: object) -> Report:
    """Two candidates, one chosen, ten labels."""
    labels = [str(n) for n in range(10)]
    matrix = [[54 if i == j else 0 for j in range(10)] for i in range(10)]
    for expected, answered, count in ((8, 1, 3), (3, 5, 1), (9, 7, 2), (4, 9, 1)):
        matrix[expected][expected] -= count
        matrix[expected][answered] += count
    report = Report(
        name="digits",
        version="1",
        identity="c3d4a1b2" * 8,
        source=Source(
            framework="scikit-learn 1.9.1", description="examples.digits.train:pipeline", digest=DIGEST, bytes=1_254_331
        ),
        evaluation=Evaluation(rows=540, metric="accuracy", digest=DIGEST, baseline=0.987037037),
        gate=Gate(min=0.95, max_drop=0.01, max_latency_ms=5.0, max_bytes=2_000_000),
        chosen="int8",
        candidates=[
            Candidate(
                name="fp32",
                dtype="float32",
                file_bytes=211_456,
                metric=0.987037037,
                drop=0.0,
                parity=Parity(max_abs=1.19e-06, mean_abs=3.4e-08, agreement=1.0),
                latency=latency(0.0213),
                passed=True,
                why="it met the gate, but int8 is smaller and no slower than the margin allows",
            ),
            Candidate(
                name="int8",
                dtype="int8",
                file_bytes=61_270,
                metric=0.985185185,
                drop=0.001851852,
                parity=Parity(max_abs=0.0731, mean_abs=0.000912, agreement=0.998148148),
                latency=latency(0.0287),
                passed=True,
                chosen=True,
                why="int8 is the smallest candidate that met the gate: 61 kB, 29 % of fp32",
            ),
        ],
        quality=Confusion(labels=labels, matrix=matrix),
        steps=[
            Step(name="fetch", seconds=2.84, cached=False),
            Step(name="convert", seconds=0.91, cached=False),
            Step(name="optimize", seconds=0.42, cached=True),
            Step(name="verify", seconds=1.37, cached=False),
            Step(name="bake", seconds=0.18, cached=False),
        ],
        tools={"python": "3.11.2", "onnx": "1.22.0", "onnxruntime": "1.31.1", "skl2onnx": "1.20.0"},
        machine="x86_64, 2 cores, Linux",
        image=Image(digest=DIGEST, unpacked_bytes=212_500_000),
    )
    return Report.model_validate(report.model_dump() | changes)


def refused() -> Report:
    """Nothing met the gate, one candidate could not be made at all."""
    good = classifier()
    first, second = good.candidates
    line = "min: accuracy is 0.987, at least 0.995 was asked"
    return classifier(
        gate={"min": 0.995},
        chosen=None,
        image=None,
        candidates=[
            first.model_copy(update={"passed": False, "why": "it missed the gate", "missed": [line]}).model_dump(),
            second.model_copy(
                update={"passed": False, "chosen": False, "why": "it missed the gate", "missed": [line]}
            ).model_dump(),
            {"name": "fp16", "dtype": "float16", "passed": False, "why": "it could not be made: Cast is not supported"},
        ],
    )  # fmt: skip


def regression() -> Report:
    """A model that answers with numbers, measured by an error that is better when smaller."""
    good = classifier()
    expected = [float((n * 37) % 400) / 4 for n in range(1500)]
    actual = [e + ((n * 53) % 41 - 20) / 4 for n, e in enumerate(expected)]
    candidates = [c.model_dump() for c in good.candidates]
    for candidate, metric in zip(candidates, (2.561, 2.583), strict=True):
        candidate.update(metric=metric, drop=metric - 2.561)
        candidate["parity"]["agreement"] = None
    return classifier(
        name="prices",
        evaluation={"rows": 1500, "metric": "rmse", "better": "smaller", "digest": DIGEST, "baseline": 2.561},
        gate={"max": 3.0},
        candidates=candidates,
        quality=Points(expected=expected, actual=actual).model_dump(),
    )


def many_labels(count: int = 60) -> Report:
    labels = [f"kind-{n}" for n in range(count + 20)]
    matrix = [[0] * (count + 20) for _ in range(count + 20)]
    for n in range(count):
        matrix[n][n] = 5
        matrix[n][(n * 7) % count] += 1
    return classifier(quality=Confusion(labels=labels, matrix=matrix).model_dump())


def embeddings() -> Report:
    """Vectors beside the source's own, groups of rows, calls of many rows, and a profile of tables and pictures."""
    good = classifier()
    candidates = [c.model_dump() for c in good.candidates]
    for candidate, (most, rms, bound) in zip(candidates, ((2.8e-7, 7.8e-8, 0.001), (0.0287, 0.0073, 0.4)), strict=True):
        candidate["parity"].update(
            agreement=None, most=most, rms=rms, bound=bound, cosine_mean=0.99981, cosine_worst=0.9873
        )
        candidate["batches"] = [
            {"rows": rows, "p50_ms": rows * 0.0125, "p99_ms": rows * 0.02, "rows_per_second": 71234.5}
            for rows in (8, 32)
        ]
    groups = [
        ("region", "a very long name of a region", 0.91),
        ("age", "18 to 31.5", 0.97),
        ("age", "31.5 to 80", 0.98),
    ]
    slices = [
        {"column": column, "group": group, "rows": 180, "metric": metric, "baseline": metric, "drop": 0.0}
        for column, group, metric in groups
    ]
    numbers = Feature(
        kind="numbers", count=427, missing=113, mean=0.5, std=0.29,
        quantiles={"0.05": 0.045, "0.5": 0.523, "0.95": 0.951},
        histogram=Histogram(edges=[0.02, 0.3, 0.58], counts=[12, 144, 138, 133]),
    )  # fmt: skip
    profile = Profile(
        model="digits", version="1", candidate="int8", data=DIGEST, rows=540, least=10,
        inputs={
            "gap": numbers,
            "image:mean": numbers.model_copy(update={"of": "mean"}),
            "region": Feature(kind="categories", count=540, categories={"north": 0.6, "south": 0.35}, other=0.05),
            "few": Feature(kind="numbers", count=3),
        },
        outputs={"embedding:mean": numbers},
    )  # fmt: skip
    return classifier(
        evaluation={"rows": 540, "metric": "recall_at_k", "digest": DIGEST, "baseline": 0.987037037},
        gate={"min_slice": 0.9, "min_cosine": 0.98, "max_latency_ms": 1.0, "max_latency_ms_by_rows": {8: 1.0, 32: 4.0}},
        candidates=candidates,
        quality=None,
        slices=slices,
        profile=profile.model_dump(),
        image_onnxruntime="1.30.0",
    )
