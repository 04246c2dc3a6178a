"""AWS policy documents: `aws.iam.getPolicyDocument` reads nothing, so it is computed here as the provider does.

The rules are those of the data source: lists of one are written as a text, longer ones sorted backwards, `&{` stands
for `${`, and source and override documents are merged by the ids of their statements.
"""

import json
import zlib
from typing import Any

from engine.errors import ProviderRefused
from engine.values import Props, is_dict, is_list, items

_FIELDS = (
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
)
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def policy_document(args: Props) -> Props:
    """The answer to `getPolicyDocument`. Raises ProviderRefused for statements that cannot stand together."""
    version = str(args.get("version") or "2012-10-17")
    own = [_statement(each, version) for each in items(args, "statements")]
    _distinct(own, "statements")
    merged: Props = {"Version": version, "Id": "", "Statement": []}
    sources = [_parsed(text, "sourcePolicyDocuments") for text in items(args, "sourcePolicyDocuments") if text]
    _distinct([each for document in sources for each in document["Statement"]], "sourcePolicyDocuments")
    for document in sources:
        _merge(merged, document)
    _merge(merged, {"Version": version, "Id": str(args.get("policyId") or ""), "Statement": own})
    for text in items(args, "overridePolicyDocuments"):
        if text:
            _merge(merged, _parsed(text, "overridePolicyDocuments"))
    whole = {key: value for key, value in merged.items() if value}
    text = _go(json.dumps(whole, indent=2, ensure_ascii=False))
    minified = _go(json.dumps(whole, separators=(",", ":"), ensure_ascii=False))
    return {**args, "version": version, "id": str(zlib.crc32(text.encode())), "json": text, "minifiedJson": minified}


def _go(text: str) -> str:
    """Go's JSON writer, which the provider uses, writes a few more characters as escapes."""
    for plain, escaped in _ESCAPES.items():
        text = text.replace(plain, escaped)
    return text


def _statement(given: Props, version: str) -> Props:
    made: Props = {
        "Sid": given.get("sid"),
        "Effect": given.get("effect") or "Allow",
        "Action": _texts(items(given, "actions")),
        "NotAction": _texts(items(given, "notActions")),
        "Resource": _texts([_variables(each, version) for each in items(given, "resources")]),
        "NotResource": _texts([_variables(each, version) for each in items(given, "notResources")]),
        "Principal": _principals(items(given, "principals"), version),
        "NotPrincipal": _principals(items(given, "notPrincipals"), version),
        "Condition": _conditions(items(given, "conditions"), version),
    }
    return {key: value for key, value in made.items() if value}


def _texts(values: list[Any]) -> Any:
    return str(values[0]) if len(values) == 1 else sorted({str(each) for each in values}, reverse=True)


def _variables(given: object, version: str) -> str:
    text = str(given)
    if "&{" in text and version == "2008-10-17":
        raise ProviderRefused(f"found &{{ sequence in ({text}), which is not supported in document version 2008-10-17")
    return text.replace("&{", "${")


def _principals(given: list[Props], version: str) -> Any:
    out: dict[str, Any] = {}
    if len(given) == 1 and given[0].get("type") == "*" and items(given[0], "identifiers") == ["*"]:
        return "*"
    for each in given:
        found = _texts([_variables(one, version) for one in items(each, "identifiers")])
        kind = str(each.get("type"))
        if kind in out:
            before = out[kind] if is_list(out[kind]) else [out[kind]]
            found = [*before, *(found if is_list(found) else [found])]
        out[kind] = found
    return dict(sorted(out.items()))


def _conditions(given: list[Props], version: str) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for each in given:
        values = [_variables(one, version) for one in items(each, "values")]
        found: Any = values[0] if len(values) == 1 else values
        tests = out.setdefault(str(each.get("test")), {})
        variable = str(each.get("variable"))
        if variable in tests:
            before = tests[variable] if is_list(tests[variable]) else [tests[variable]]
            found = [*before, *values]
        tests[variable] = found
    return {test: dict(sorted(variables.items())) for test, variables in sorted(out.items())}


def _parsed(text: Any, where: str) -> Props:
    try:
        found = json.loads(str(text))
    except ValueError as error:
        raise ProviderRefused(f"{where}: a policy document is no JSON: {error}") from None
    if not is_dict(found):
        raise ProviderRefused(f"{where}: a policy document must be an object, not {type(found).__name__}")
    statements: object = found.get("Statement")
    listed: list[Any] = statements if is_list(statements) else [statements] if statements else []
    return {
        "Version": str(found.get("Version") or ""),
        "Id": str(found.get("Id") or ""),
        "Statement": [{key: each[key] for key in _FIELDS if each.get(key)} for each in listed],
    }


def _distinct(statements: list[Props], where: str) -> None:
    seen: set[str] = set()
    for each in statements:
        sid = str(each.get("Sid") or "")
        if sid and sid in seen:
            raise ProviderRefused(f"{where}: duplicate Sid ({sid})")
        seen.add(sid)


def _merge(into: Props, document: Props) -> None:
    into["Id"] = document["Id"] or into["Id"]
    into["Version"] = max(into["Version"], document["Version"])
    statements: list[Props] = into["Statement"]
    for new in document["Statement"]:
        places = [n for n, old in enumerate(statements) if new.get("Sid") and old.get("Sid") == new["Sid"]]
        if places:
            statements[places[0]] = new
        else:
            statements.append(new)
