"""A stack file is checked whole: what is right is read, what is wrong is told in one line each."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks import reference
from stacks.spec import SpecError, StackSpec

ROOT = Path(__file__).parents[2]

MODEL_KEYS = (
    "name, source, format, axes, version, trust, evaluate, optimize, generate, classify, server, triton, formats, "
    "base, manifest, platforms"
)

GOOD = """\
config:
  modelport:target: local
  modelport:model:
    name: digits
    source: examples.digits.train:pipeline
    evaluate: {data: "examples.digits.train:evaluation", min: 0.95}
"""

CLUSTER = GOOD.replace("target: local", "target: kubernetes") + (
    "  modelport:image: {push: reg.example.com/team/digits}\n"
)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def wrong(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(SpecError) as raised:
        StackSpec.from_file(write(tmp_path, text))
    assert str(raised.value).splitlines() == raised.value.lines
    prefix = "Pulumi.prod.yaml: "
    assert all(line.startswith(prefix) for line in raised.value.lines)
    return [line.removeprefix(prefix) for line in raised.value.lines]


def test_a_small_file_has_every_default(tmp_path: Path) -> None:
    spec = StackSpec.from_file(write(tmp_path, GOOD))
    assert (spec.target, spec.model.name, spec.model.evaluate.min) == ("local", "digits", 0.95)
    assert (spec.endpoint.port, spec.endpoint.workers, spec.endpoint.runtime) == (8080, 2, "auto")
    assert (spec.image.push, spec.image.keep, spec.secrets) == (None, True, frozenset())


def test_what_is_not_ours_is_let_alone(tmp_path: Path) -> None:
    text = (
        "encryptionsalt: v1:abc=\nsecretsprovider: passphrase\n"
        + GOOD
        + "  aws:region: eu-west-1\n  aws:key: {secure: v1:x}\n"
    )
    assert StackSpec.from_file(write(tmp_path, text)).target == "local"


def test_a_key_without_namespace_is_the_projects(tmp_path: Path) -> None:
    spec = StackSpec.from_file(write(tmp_path, GOOD + "  endpoint: {port: 9000}\n"))
    assert spec.endpoint.port == 9000


def test_a_mapping_may_be_json_text(tmp_path: Path) -> None:
    spec = StackSpec.from_file(write(tmp_path, GOOD + "  modelport:endpoint: '{\"port\": 9000}'\n"))
    assert spec.endpoint.port == 9000


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (GOOD.replace("0.95", "97.5"), ["model.evaluate.min is 97.5, expected a share between 0 and 1; write 0.975"]),
        (GOOD + "    optimise: {}\n", ["unknown key 'optimise' under model, did you mean 'optimize'?"]),
        (GOOD.replace("modelport:model:", "modelport:modle:"),
         ["unknown key 'modelport:modle', did you mean 'modelport:model'?",
          f"model is missing, expected a mapping with {MODEL_KEYS}"]),
        (GOOD + "  modleport:endpoint: {}\n", ["unknown key 'modleport:endpoint', did you mean 'modelport:endpoint'?"]),
        (GOOD.replace("target: local", "target: lcoal"),
         ["target is 'lcoal', expected one of local, kubernetes, aws-eks, aws-ecs, aws-ec2, aws-sagemaker, "
          "aws-lambda, gcp-gke, gcp-cloudrun, gcp-vertex; did you mean 'local'?"]),
        (GOOD + "  modelport:service: {replicas: 3}\n",
         ["service is set with target local, expected it with target kubernetes or aws-eks or "
          "gcp-gke alone; "
          "remove it or set modelport:target to kubernetes"]),
        (GOOD.replace("target: local", "target: kubernetes")
         + "  modelport:endpoint: {port: 9000}\n  modelport:image: {push: reg.example.com/team/digits}\n",
         ["endpoint is set with target kubernetes, expected it with target local alone; "
          "remove it or set modelport:target to local"]),
        (GOOD.replace("target: local", "target: kubernetes"),
         ["image.push is missing, expected registry and repository that the target kubernetes pulls from; "
          "for example push: registry.example.com/team/digits"]),
        (GOOD.replace("target: local", "target: kubernetes")
         + "  modelport:image: {push: reg.example.com/team/digits}\n  modelport:kubernetes: {namespace: Shop}\n",
         ["kubernetes.namespace is 'Shop', expected lower-case letters, digits and hyphens, at most 63"]),
        (CLUSTER + "  modelport:service: {replicas: 3, max_replicas: 2, allow: [everybody, 10.0.0.5/8]}\n",
         ["service.allow[0] is 'everybody', expected a network; for example 10.0.0.0/8",
          "service.allow[1] is '10.0.0.5/8', expected the network's own address; write 10.0.0.0/8"]),
        (CLUSTER + "  modelport:service: {replicas: 3, max_replicas: 2}\n",
         ["service: max_replicas is 2, expected at least replicas, which is 3; write max_replicas: 3"]),
        (CLUSTER + "  modelport:service: {name: Digits, type: nodeport, resources: {cpu: 2, memory: lots}}\n",
         ["service.name is 'Digits', expected at most 40 lower-case letters, digits and hyphens, a letter first",
          'service.resources.cpu is 2, expected a quantity of Kubernetes, as text; write "2"',
          "service.resources.memory is 'lots', expected a quantity of Kubernetes, as text; for example 500m",
          "service.type is 'nodeport', expected one of ClusterIP, NodePort, LoadBalancer; did you mean 'NodePort'?"]),
        (GOOD + "    version: 1.10\n",
         ['model.version is 1.10, expected a text of letters, digits, dots, hyphens and underscores; write "1.10"']),
        (GOOD + "  modelport:endpoint: {port: 80800, workers: 0, runtime: dokcer}\n",
         ["endpoint.port is 80800, expected a whole number from 1 to 65535",
          "endpoint.workers is 0, expected a whole number from 1 to 256",
          "endpoint.runtime is 'dokcer', expected one of auto, docker, podman, process; did you mean 'docker'?"]),
        (GOOD + "  modelport:endpoint: {port: true}\n",
         ["endpoint.port is true, expected a whole number from 1 to 65535"]),
        (GOOD + "  modelport:endpoint: {port: '80'}\n",
         ["endpoint.port is '80', expected a whole number from 1 to 65535; write 80"]),
        (GOOD + "  modelport:endpoint: 8080\n", ["endpoint is 8080, expected a mapping with port, workers, runtime"]),
        (GOOD + "  modelport:image: {push: 'https://reg.example.com/digits'}\n",
         ["image.push is 'https://reg.example.com/digits', expected registry and repository alone; "
          "write reg.example.com/digits"]),
        (GOOD + "  modelport:image: {push: digits}\n",
         ["image.push is 'digits', expected registry and repository; for example digits/digits"]),
        (GOOD + "  modelport:image: {push: reg.example.com/Digits}\n",
         ["image.push is 'reg.example.com/Digits', expected lower case without blanks; write reg.example.com/digits"]),
        (GOOD + "confg: {}\n", ["unknown key 'confg', did you mean 'config'?"]),
        (GOOD + "  modelport:target: local\n",
         ["key 'modelport:target' appears twice, on lines 2 and 7, expected once; remove one"]),
        (GOOD + "    name: letters\n",
         ["key 'name' appears twice under model, on lines 4 and 7, expected once; remove one"]),
        ("- a\n", ["the whole is a list, expected a mapping with config"]),
        ("config: text\n", ["config is 'text', expected a mapping with modelport:target, modelport:model"]),
        ("config:\n\tmodelport:target: local\n",
         ["line 2, column 1: not YAML: found character '\\t' that cannot start any token; "
          "indent with spaces, not with tabs"]),
        ("config:\n  a: b: c\n",
         ["line 2, column 7: not YAML: mapping values are not allowed here; "
          "check the indentation, or quote text that holds ': '"]),
        ("config: &a [*a]\n", ["line 1, column 9: not YAML: an alias refers to what it is part of"]),
        ("a: 1\n---\nb: 2\n",
         ["line 2, column 1: not YAML: but found another document; keep one document, without '---' between two"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, lines: list[str]) -> None:
    missing = ("target is missing", "model is missing")  # what a broken file lacks besides, said in a test of its own
    found = [line for line in wrong(tmp_path, text) if not line.startswith(missing)]
    assert found == [line for line in lines if not line.startswith(missing)]


def test_an_empty_file_misses_what_is_required(tmp_path: Path) -> None:
    assert wrong(tmp_path, "") == [
        "target is missing, expected one of local, kubernetes, aws-eks, aws-ecs, aws-ec2, aws-sagemaker, aws-lambda, "
        "gcp-gke, gcp-cloudrun, gcp-vertex",
        f"model is missing, expected a mapping with {MODEL_KEYS}",
    ]


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace("0.95", "97.5")
        + "    optimise: {}\n  modelport:endpoint: {port: 0}\n  modelport:imgae: {}\nconfg: 1\n"
    )
    told = wrong(tmp_path, text)
    assert len(told) == 5
    assert any("0.975" in line for line in told) and any("endpoint.port is 0" in line for line in told)


def test_aliases_of_aliases_cost_nothing(tmp_path: Path) -> None:
    """A file of a kilobyte that stands for a billion values is refused like any other, at once."""
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    assert "unknown key 'a'" in wrong(tmp_path, bomb)[0]


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    text = GOOD + "  modelport:endpoint: &e {port: 9000, workers: 3}\n  other:copy: {<<: *e, port: 9001}\n"
    assert StackSpec.from_file(write(tmp_path, text)).endpoint.workers == 3


def test_a_missing_file_names_the_stacks_there_are(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    with pytest.raises(
        SpecError, match=r"^Pulumi\.dev\.yaml: no such file, expected a stack file; .* the stacks prod$"
    ):
        StackSpec.from_file(tmp_path / "Pulumi.dev.yaml")


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_bytes(b"config: \xff\xfe\n")
    with pytest.raises(SpecError, match=r"^Pulumi\.prod\.yaml: byte 8 is not UTF-8"):
        StackSpec.from_file(tmp_path / "Pulumi.prod.yaml")


@pytest.mark.parametrize(
    ("text", "place"),
    [("{secure: 'v1:abc'}", "image"), ("{push: {secure: 'v1:abc'}, keep: false}", "image.push")],
)
def test_what_may_be_encrypted_is_passed_over_without_a_key(tmp_path: Path, text: str, place: str) -> None:
    spec = StackSpec.from_file(write(tmp_path, GOOD + f"  modelport:image: {text}\n"))
    assert spec.secrets == {place}
    assert spec.image.push is None


def test_what_must_be_plain_is_refused_when_encrypted(tmp_path: Path) -> None:
    (line,) = wrong(tmp_path, GOOD + "  modelport:endpoint: {port: {secure: 'v1:abc'}}\n")
    assert line == (
        "endpoint.port is a secret, expected a whole number from 1 to 65535; set it with pulumi config set --plaintext"
    )


def configured(values: dict[str, Any], secrets: list[str]) -> "subprocess.CompletedProcess[str]":
    """from_config in a process of its own, under the configuration that an engine would hand over."""
    program = (
        "import pulumi, sys\n"
        "from pulumi import runtime\n"
        "from stacks.spec import StackSpec, SpecError\n"
        "runtime.set_all_config(runtime.get_config_env(), runtime.get_config_secret_keys_env())\n"
        "runtime.configure(runtime.Settings(project='modelport', stack='prod'))\n"
        "try:\n"
        "    spec = StackSpec.from_config(pulumi.Config('modelport'))\n"
        "    print(spec.endpoint.port, spec.image.push, sorted(spec.secrets))\n"
        "except SpecError as error:\n"
        "    sys.exit(str(error))\n"
    )
    env = {
        "PULUMI_CONFIG": json.dumps(values),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(secrets),
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/bin:/bin",
    }
    return subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False, cwd=ROOT
    )


MODEL = {"name": "digits", "source": "a.b:c", "evaluate": {"data": "a.b:d"}}


def test_a_running_program_reads_what_pulumi_hands_over() -> None:
    done = configured(
        {
            "modelport:target": "local",
            "modelport:model": json.dumps(MODEL),
            "modelport:endpoint": '{"port":9000}',
            "modelport:image": '{"push":"reg.example.com/digits"}',
            "aws:region": "eu",
        },
        ["modelport:image"],
    )
    assert (done.stdout.strip(), done.stderr) == ("9000 reg.example.com/digits ['image']", "")


def test_a_running_program_says_the_same_about_the_same_mistake() -> None:
    done = configured(
        {
            "modelport:target": "local",
            "modelport:model": json.dumps(MODEL | {"optimise": 1, "evaluate": {"data": "a.b:d", "min": 97.5}}),
            "modelport:modle": "1",
        },
        ["modelport:target"],
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Pulumi.prod.yaml: target is a secret, expected a plain value; set it with pulumi config set --plaintext",
        "Pulumi.prod.yaml: unknown key 'modelport:modle', did you mean 'modelport:model'?",
        "Pulumi.prod.yaml: model.evaluate.min is 97.5, expected a share between 0 and 1; write 0.975",
        "Pulumi.prod.yaml: unknown key 'optimise' under model, did you mean 'optimize'?",
    ]


def test_reading_a_stack_file_needs_no_pulumi(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    program = (
        "import sys; from stacks.spec import StackSpec; StackSpec.from_file(sys.argv[1]); "
        "print([m for m in ('pulumi', 'grpc', 'numpy', 'onnx', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_the_schema_in_docs_is_the_models_own() -> None:
    """make docs writes it."""
    assert json.loads((ROOT / "docs/stack.schema.json").read_text(encoding="utf-8")) == reference.schema()


def test_the_reference_in_docs_is_the_models_own() -> None:
    """make docs writes it."""
    assert (ROOT / "docs/stack-file.md").read_text(encoding="utf-8") == reference.page()


def test_every_key_says_what_it_is() -> None:
    rows = [line for line in reference.page().splitlines() if line.startswith("| `")]
    assert len(rows) > 30
    assert [row for row in rows if row.split("|")[4].strip() == ""] == []


def test_every_example_of_the_reference_is_a_good_stack_file(tmp_path: Path) -> None:
    blocks = [b.split("```")[0] for b in reference.page().split("```yaml\n")[1:]]
    whole = [b for b in blocks if b.startswith("config:")]
    assert whole
    for block in whole:
        assert StackSpec.from_file(write(tmp_path, block)).target == "local"


@pytest.mark.parametrize("path", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda p: p.name)
def test_every_stack_file_of_the_project_is_good_and_tells_editors_its_schema(path: Path) -> None:
    StackSpec.from_file(path)
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.split("=", 1)[1]).resolve() == ROOT / "docs/stack.schema.json"


def test_the_schema_knows_every_key_that_the_model_knows() -> None:
    schema = reference.schema()
    assert set(schema["properties"]["config"]["properties"]) == {f"modelport:{key}" for key in StackSpec.model_fields}
    recipe = schema["definitions"]["Recipe"]
    assert recipe["additionalProperties"] is False
    assert set(yaml.safe_load(GOOD)["config"]["modelport:model"]) <= set(recipe["properties"])


def test_a_password_in_the_address_of_a_registry_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(
        "config:\n  modelport:target: local\n  modelport:model: {name: m, source: m.onnx, evaluate: {data: d.npz}}\n"
        "  modelport:image: {push: 'me:hunter2@localhost:5000/m'}\n"
    )
    with pytest.raises(SpecError) as error:
        StackSpec.from_file(file)
    assert "hunter2" not in str(error.value)
    assert "write localhost:5000/m and let `docker login` keep the password" in str(error.value)


def test_keys_in_plain_text_are_refused_and_not_shown(tmp_path: Path) -> None:
    text = GOOD.replace("local", "kubernetes") + "  modelport:image: {push: host/digits}\n"
    (line,) = wrong(tmp_path, text + "  modelport:api_keys: {shop: very-secret-key}\n")
    assert line == (
        "api_keys stands in plain text, expected a secret; set it with "
        "pulumi config set --secret modelport:api_keys, and take other keys"
    )
    spec = StackSpec.from_file(write(tmp_path, text + "  modelport:api_keys: {secure: v1:x}\n"))
    assert (spec.api_keys, spec.secrets) == ({}, {"api_keys"})


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ('{"shop": "hunter2"}', "api_keys.shop has 7 characters, expected at least 16; let one be made by"),
        ('{"shop": 1234567890123456}', "api_keys.shop is no text, expected a key of at least 16 characters; put it in"),
        ('{"Shop": "hunter2-hunter2-hunter2"}', "api_keys.Shop is no name, expected lower-case letters, digits"),
        ('{"desk": "hunter2-hunter2-hunter2"}', "api_keys.desk has the name of a key that is made, expected another;"),
        ('{"shop": "hünter2-hunter2-hunter2"}', "api_keys.shop has a character that no HTTP header carries, expected"),
        ("hunter2-hunter2-hunter2", "api_keys is no mapping, expected a key by the name of who has it; for example"),
    ],
)
def test_keys_that_are_wrong_are_refused_before_anything_and_not_shown(keys: str, line: str) -> None:
    gateway = {"hostname": "digits.example.com", "class_name": "models", "namespace": "gateways", "keys": ["desk"]}
    done = configured(
        {
            "modelport:target": "kubernetes",
            "modelport:model": json.dumps(MODEL),
            "modelport:image": '{"push":"reg.example.com/digits"}',
            "modelport:gateway": json.dumps(gateway),
            "modelport:api_keys": keys,
        },
        ["modelport:api_keys"],
    )
    assert (done.returncode, done.stdout) == (1, "")
    (told,) = done.stderr.splitlines()
    assert told.startswith(f"Pulumi.prod.yaml: {line}")
    assert "nter2" not in told and "123456" not in told


GATEWAY = "  modelport:gateway: {hostname: digits.example.com, class_name: models, namespace: gateways%s}\n"


@pytest.mark.parametrize(
    ("kind", "tenants", "line"),
    [
        ("", "{red: {hostname: red}}", "tenants.red.hostname is 'red', expected a DNS name, as models.example.com"),
        ("", "{digits: {}}", "tenants.digits is called as the service is, expected another name; rename the tenant"),
        (
            "",
            "{Red: {}}",
            "tenants.Red is no name of a service, expected at most 40 lower-case letters, digits and hyphens, "
            "a letter first",
        ),
        (
            "",
            "{red: {hostname: digits.example.com}}",
            "tenants.red.hostname is digits.example.com, which somebody else has; give each a name of his own",
        ),
        (
            ", kind: ingress",
            "{red: {hostname: red.example.com}}",
            "tenants.red.hostname is set with gateway.kind ingress, expected gateway; "
            "an Ingress has no routes of tenants",
        ),
        (
            None,
            "{red: {hostname: red.example.com}}",
            "tenants.red.hostname is set without a gateway, expected one; write gateway.hostname",
        ),
    ],
)
def test_a_tenant_that_does_not_fit(tmp_path: Path, kind: str | None, tenants: str, line: str) -> None:
    text = GOOD.replace("local", "kubernetes") + "  modelport:image: {push: host/digits}\n"
    text += (GATEWAY % kind if kind is not None else "") + f"  modelport:tenants: {tenants}\n"
    assert wrong(tmp_path, text) == [line]


def test_an_ingress_is_no_route_for_a_release(tmp_path: Path) -> None:
    text = GOOD.replace("local", "kubernetes") + "  modelport:image: {push: host/digits}\n"
    assert StackSpec.from_file(write(tmp_path, text + GATEWAY % "")).routed
    assert not StackSpec.from_file(write(tmp_path, text + GATEWAY % ", kind: ingress")).routed


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("autoscaling: {min: 3, max: 2}", "autoscaling: max is 2, expected at least min, which is 3; write max: 3"),
        ("autoscaling: {min: 1}", "autoscaling.max is missing"),
        ("autoscaling: {max: 2, cpu: 120}", "autoscaling.cpu is 120, expected"),
        ("monitoring: {objective: 99.9}", "monitoring.objective is 99.9, expected"),
        (
            "autoscaling: {max: 4}\n  modelport:service: {max_replicas: 4}",
            "service.max_replicas is 4 beside autoscaling, expected one of them; remove it, and write",
        ),
    ],
)
def test_scaling_and_watching_that_cannot_be_meant(tmp_path: Path, section: str, line: str) -> None:
    text = GOOD.replace("local", "kubernetes") + "  modelport:image: {push: host/digits}\n"
    (found,) = wrong(tmp_path, f"{text}  modelport:{section}\n")
    assert found.startswith(line)


def _in_a_cluster(more: str) -> str:
    return GOOD.replace("local", "kubernetes") + "  modelport:image: {push: host/digits}\n" + more


BY_DIGEST = f"host/program@sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("runtime", "line"),
    [
        ("program: triton", "runtime: image is missing, expected the image of triton by digest; write image: ..."),
        (
            "program: triton, image: 'host/program:latest'",
            "runtime.image is 'host/program:latest', expected an image by digest, registry/repository@sha256:...",
        ),
        (
            f"program: kserve, image: '{BY_DIGEST}'",
            "runtime: image is set with program kserve, which runs the model's own; remove it",
        ),
        (
            f"program: tensorflow, image: '{BY_DIGEST}'",
            "runtime: files is missing, expected an image by digest with what tensorflow reads, for it does not take "
            "the ONNX model that is built; write files: ..., or choose triton",
        ),
        (
            f"program: triton, image: '{BY_DIGEST}', path: models/digits",
            "runtime: path is set with program triton, which reads the model's own image; remove it",
        ),
    ],
)
def test_a_runtime_that_cannot_be_meant(tmp_path: Path, runtime: str, line: str) -> None:
    assert wrong(tmp_path, _in_a_cluster(f"  modelport:runtime: {{{runtime}}}\n")) == [line]


def test_what_is_about_our_own_pods_goes_with_no_other_program(tmp_path: Path) -> None:
    more = "  modelport:runtime: {program: kserve}\n  modelport:service: {name: d, replicas: 3, workers: 2}\n"
    more += "  modelport:monitoring: {}\n  modelport:autoscaling: {max: 3}\n  modelport:api_keys: {secure: v1:x}\n"
    text = _in_a_cluster(more + "  modelport:kubernetes: {pull_secret: true}\n")
    places = ["autoscaling", "monitoring", "api_keys", "service.workers", "kubernetes.pull_secret"]
    assert wrong(tmp_path, text) == [
        f"{place} is set with runtime.program kserve, expected it with modelport alone, whose pods it is about; "
        "remove it, or set runtime.program to modelport"
        for place in places
    ]
    StackSpec.from_file(write(tmp_path, text.replace("program: kserve", "program: modelport")))
