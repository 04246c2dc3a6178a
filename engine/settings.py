"""Configuration read and changed: what `config get`, `config`, `config rm` and `stack change-secrets-provider` do."""

import json
from dataclasses import dataclass
from typing import Any

from engine import checkpoints, config_paths
from engine.config_paths import is_secure, split, whole
from engine.errors import BadInput, WrongPassphrase
from engine.projects import StackFile, has_secrets, resolve
from engine.secrets import Keyless, Passphrase
from engine.stacks import Stack
from engine.state import deployment_from_json, deployment_to_json
from engine.values import Crypter, Props, is_dict, is_list, part


@dataclass(frozen=True)
class ConfigValue:
    """One configuration value. `value` is plain text, of an object its JSON; None for a secret that stays hidden."""

    value: str | None
    secret: bool
    object: bool


def values(stack: Stack, *, show_secrets: bool) -> dict[str, ConfigValue]:
    """Every value by its full key, the project's own among them."""
    return told(stack, stack.file().raw(), show_secrets=show_secrets)


def as_json(value: ConfigValue) -> Props:
    """A value as the JSON of `config` and of `stack history` has it."""
    out: Props = {}
    if value.value is not None:
        out["value"] = value.value
        if value.object:
            out["objectValue"] = json.loads(value.value)
    return {**out, "secret": value.secret}


def told(stack: Stack, raw: Props, *, show_secrets: bool) -> dict[str, ConfigValue]:
    """The values of a stack file, or of the history that keeps what it was."""
    hidden = {key for key, value in raw.items() if has_secrets(value)}
    crypter = _crypter(stack) if show_secrets and hidden else Keyless()
    open_ones = {key: value for key, value in raw.items() if show_secrets or key not in hidden}
    plain = resolve(open_ones, crypter)
    out = {key: ConfigValue(plain.values[key], key in hidden, key in plain.objects) for key in open_ones}
    out |= {key: ConfigValue(None, True, not is_secure(raw[key])) for key in hidden if key not in out}
    return dict(sorted(out.items()))


def get(stack: Stack, key: str, *, path: bool = False) -> ConfigValue:
    """One value, a secret one decrypted. Raises BadInput where there is none."""
    raw = stack.file().raw()
    full, steps = split(key, stack.project.name) if path else (whole(key, stack.project.name), list[str | int]())
    found, there = config_paths.found(raw.get(full), steps[1:])
    if full not in raw or not there:
        raise BadInput(f"configuration key '{key}' not found for stack '{stack.name}'")
    crypter = _crypter(stack) if has_secrets(found) else Keyless()
    one = resolve({full: found}, crypter)
    return ConfigValue(one.values[full], full in one.secret_keys, full in one.objects)


def remove(stack: Stack, key: str, *, path: bool = False) -> None:
    """Take a value out of Pulumi.STACK.yaml; what is not there is no error."""
    file = stack.file()
    full, steps = split(key, stack.project.name) if path else (key, list[str | int]())
    if len(steps) < 2:
        file.remove(full)
    else:
        config_paths.take(part(file.data, "config").get(full), steps[1:])
    file.save()


def _crypter(stack: Stack) -> Crypter:
    return stack.config_crypter()


def change_passphrase(stack: Stack, new: str) -> None:
    """Encrypt the state and Pulumi.STACK.yaml anew; both are read whole before either is written."""
    with stack.held():
        opened = stack.open()
        file = stack.file()
        if isinstance(opened.crypter, Keyless):
            raise WrongPassphrase(f"the stack {stack.full_name} has no secrets provider to change")
        deployment = opened.deployment()
        crypter = Passphrase.create(new)
        config = part(file.data, "config")
        changed = {key: _anew(value, opened.config_crypter, crypter) for key, value in config.items()}
        deployment.secrets_provider = {"type": "passphrase", "state": {"salt": crypter.salt}}
        raw = stack.checkpoint(deployment_to_json(deployment, crypter))
        _check(raw, crypter)
        before = file.file.read_bytes() if file.file.exists() else None
        file.salt = crypter.salt
        config.update(changed)
        file.save()
        try:
            stack.backend.write_state(stack.project.name, stack.name, raw)
        except BaseException:
            _restore(file, before)
            raise


def _check(raw: bytes, crypter: Crypter) -> None:
    deployment_from_json(checkpoints.loads(raw)["checkpoint"]["latest"], crypter)


def _restore(file: StackFile, before: bytes | None) -> None:
    if before is None:
        file.file.unlink(missing_ok=True)
    else:
        file.file.write_bytes(before)


def _anew(value: Any, old: Crypter, new: Crypter) -> Any:
    if is_secure(value):
        return {"secure": new.encrypt(old.decrypt(value["secure"]))}
    if is_dict(value):
        out: Props = {key: _anew(item, old, new) for key, item in value.items()}
        return out
    if is_list(value):
        return [_anew(item, old, new) for item in value]
    return value
