"""Whether an object that the program wants as it wanted it before is live as it is wanted: most of a stack, mostly.

That is answered without a copy of the live object, which is many times the size of what a program says of it.
"""

from typing import Any, Final

from engine.providers.kubernetes.differences import same
from engine.providers.kubernetes.objects import INPUTS, identity_only, underscored
from engine.values import Props, Secret, Unknown, is_dict, is_list

REPLACE_UNREADY: Final = "pulumi.com/replaceUnready"


def unchanged(old_inputs: Props, olds: Props, news: Props) -> bool:
    """True where a comparison would find nothing; False where it must be made. `news` is in normal form."""
    wanted, metadata = olds.get(INPUTS), news.get("metadata")
    if (
        "live" in olds
        or not is_dict(wanted)
        or not is_dict(metadata)
        or not (news.get("kind") and news.get("apiVersion"))
    ):
        return False
    if metadata.get("annotations"):  # which may ask for more than a comparison
        notes = metadata["annotations"]
        if not is_dict(notes) or REPLACE_UNREADY in notes:
            return False
    if identity_only(wanted) and old_inputs:  # what an import leaves
        wanted = old_inputs
    return wanted == news and _has(olds, news)


def _has(live: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there; what the server has added beside it is nobody's wish."""
    if isinstance(live, Secret):
        live = live.value
    if isinstance(wanted, Secret):
        wanted = wanted.value
    if is_dict(wanted):
        if not is_dict(live):
            return False
        for key, item in wanted.items():
            key = underscored(key)
            if key not in live:
                return False
            there = live[key]
            # most of an object is text
            if (there != item) if type(item) is str and type(there) is str else not _has(there, item):
                return False
        return True
    if is_list(wanted):
        if not wanted:
            return is_list(live)
        if not is_list(live) or len(live) < len(wanted) or type(live[0]) is not type(wanted[0]):
            return False
        return all(map(_has, live, wanted))
    return not isinstance(wanted, Unknown) and not is_dict(live) and not is_list(live) and same(live, wanted)
