"""What a report says of the resources is what the embedded engine planned."""

from automation.report.model import Resource
from tests.automation.report.conftest import SECRET, Shop


def of(shop: Shop, name: str) -> Resource:
    return next(each for each in shop.told().resources if each.name == name)


def test_each_resource_is_told_by_what_becomes_of_it(changed: Shop) -> None:
    told = {each.name: each.op for each in changed.told().resources if each.type == "pulumi-python:dynamic/shop:Thing"}
    assert told == {
        "plain": "same",
        "moved": "replace",
        "torn": "replace",
        "painted": "update",
        "quiet": "update",
        "fresh": "create",
        "gone": "delete",
        "kept": "delete",
    }


def test_counts_are_those_of_the_resources(changed: Shop) -> None:
    report = changed.told()
    assert report.changes == {"replace": 2, "delete": 3, "update": 2, "create": 1, "same": 3}
    assert sum(report.changes.values()) == len(report.resources)


def test_what_is_replaced_costs_before_and_after_and_a_component_nothing(changed: Shop) -> None:
    # What the shop sells has no price, so that each of it is counted; the shelves are components.
    cost = changed.told().cost
    things = [each for each in changed.told().resources if each.type == "pulumi-python:dynamic/shop:Thing"]
    assert cost.unknown_before == sum(each.op != "create" for each in things)
    assert cost.unknown_after == sum(each.op != "delete" for each in things)
    assert {each.what.rpartition(" ")[2] for each in cost.lines} == {each.name for each in things}


def test_the_order_of_a_replacement_is_told(changed: Shop) -> None:
    assert [of(changed, name).delete_first for name in ("moved", "torn")] == [False, True]


def test_what_forces_a_replacement_is_marked_and_comes_first(changed: Shop) -> None:
    found = of(changed, "moved").properties
    assert [(each.path, each.change, each.before, each.after, each.replaces) for each in found][:1] == [
        ("size", "update", "1", "2", True)
    ]


def test_places_that_differ_are_told_innermost(changed: Shop) -> None:
    found = of(changed, "painted").properties
    assert [(each.path, each.change, each.before, each.after) for each in found] == [
        ("color", "update", '"red"', '"blue"'),
        ("tags.c[1]", "delete", '"y"', None),
        ('tags["a.b"]', "update", '"1"', '"2"'),
    ]


def test_a_secret_that_changed_is_told_without_it(changed: Shop) -> None:
    found = of(changed, "quiet").properties
    assert [(each.path, each.change, each.before, each.after) for each in found] == [
        ("word", "update", "[secret]", "[secret]")
    ]


def test_no_format_has_a_secret_in_it(changed: Shop) -> None:
    """Neither one that Pulumi knows, nor one that is one by the name of its property."""
    for name, text in changed.texts().items():
        assert SECRET not in text, name
        assert "plainly-there" not in text, name
        assert "[secret]" in text or "&#91;secret&#93;" in text, name


def test_what_is_kept_when_it_is_deleted_is_told(changed: Shop) -> None:
    assert of(changed, "kept").retained
    assert not of(changed, "gone").retained


def test_a_component_is_told_from_what_it_is_made_of(changed: Shop) -> None:
    report = changed.told()
    assert [each.name for each in report.resources if each.component] == ["front", "back"]
    front = next(each for each in report.resources if each.name == "front")
    assert of(changed, "moved").parent == front.urn


def test_a_plan_without_changes_says_so(shop: Shop) -> None:
    shop.stock(front=[{"name": "plain"}])
    shop.up()
    report = shop.report()
    assert report.changes == {"same": 3} and report.risks == []
    assert "Nothing changes" in shop.texts()["c.md"]


def test_the_same_plan_gives_the_same_report(shop: Shop) -> None:
    shop.stock(front=[{"name": "plain"}])
    shop.report()
    first = shop.texts()
    shop.report()
    assert shop.texts() == first


def test_a_program_that_fails_has_a_report_with_the_reason(shop: Shop) -> None:
    (shop.project.root / "__main__.py").write_text("raise ValueError('no such shelf, expected one; add it')")
    shop.stock()
    done = shop.preview()
    assert done.returncode == 1
    report = shop.told()
    assert (report.result, report.exit_code) == ("failed", 1)
    assert [each for each in report.errors if "no such shelf" in each] == report.errors != []
    assert "no such shelf" in shop.texts()["r.html"]
