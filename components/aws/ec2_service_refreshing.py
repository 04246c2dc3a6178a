"""An instance refresh from its beginning to its end, in the words of whoever waits for it."""

import importlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.releases import ReleaseError, RolledBack, Say, Unanswered

Json = dict[str, Any]

TICK: Final = 10.0
"""Seconds between two looks."""
UNSEEN: Final = 6
"""Looks on end that may fail for want of an answer, before the wait is given up."""
_SECONDS: Final = 20
OVER: Final = ("Successful", "Failed", "Cancelled", "RollbackFailed", "RollbackSuccessful")
"""States that a refresh ends in (the model of DescribeInstanceRefreshes in botocore 1.43, 2026-11-22)."""
CAREFUL: Final = ("CheckpointPercentages", "CheckpointDelay", "BakeTime", "AlarmSpecification", "AutoRollback")
"""What a way back is without: it goes to what served before, and alarms still ring."""


@dataclass(frozen=True)
class Wanted:
    """What the instances of a group are to be."""

    region: str
    account: str
    group: str
    policy: Json
    """A mixed instances policy, as AWS takes it."""
    preferences: Json
    wait: bool = True

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> "Wanted":
        """From the inputs of an InstanceRefresh."""
        return cls(
            str(props["region"]),
            str(props["account"]),
            str(props["group"]),
            json.loads(props["wanted"]),
            json.loads(props["preferences"]),
            bool(props["wait"]),
        )


def refresh(wanted: Wanted, *, say: Say, tick: float = TICK) -> None:
    """Bring the group to what is wanted; returns at once where it is there already.

    Without `wait` it returns once AWS has begun. Raises ReleaseError where the new version does not come to all
    instances: then those that had it are back at what was there before.
    """
    api = _Api(wanted)
    before = _policy(api.group())
    under_way = api.newest()
    if under_way is not None and under_way["Status"] not in OVER:
        asked = _policy(under_way.get("DesiredConfiguration") or {})
        if asked != wanted.policy:
            raise ReleaseError(
                f"the auto scaling group {wanted.group} is on its way to another version ({_far(under_way)}), expected "
                "none under way; wait for its end, or end it with `aws autoscaling cancel-instance-refresh "
                f"--auto-scaling-group-name {wanted.group} --region {wanted.region}`"
            )
        # Somebody waited for this one before, and was ended.
        number = str(under_way["InstanceRefreshId"])
    elif before == wanted.policy:
        return
    else:
        number = api.start(wanted.policy, wanted.preferences)
        say("an instance refresh has begun")
    if not wanted.wait:
        return
    end = _followed(api, number, say, tick)
    if end["Status"] == "Successful":
        return
    why = str(end.get("StatusReason") or f"its state is {end['Status']}").rstrip(".")
    if end["Status"] == "RollbackSuccessful":
        raise RolledBack(_lost(wanted, why, "every instance has the version before"))
    if end["Status"] == "RollbackFailed":
        raise ReleaseError(_lost(wanted, why, "and going back failed too: look at its instances"))
    say(f"it was stopped ({why}), and goes back")
    known = {key: value for key, value in wanted.preferences.items() if key not in CAREFUL}
    back = _followed(api, api.start(before, known), say, tick)
    if back["Status"] != "Successful":
        told = str(back.get("StatusReason") or back["Status"]).rstrip(".")
        raise ReleaseError(_lost(wanted, why, f"and going back failed too ({told}): look at its instances"))
    raise RolledBack(_lost(wanted, why, "every instance has the version before"))


def _lost(wanted: Wanted, why: str, now: str) -> str:
    return (
        f"the new version did not come to all instances of {wanted.group}: {why}, expected them to answer and no alarm "
        f"to ring; {now}; see the log group for what the machines said"
    )


def _followed(api: "_Api", number: str, say: Say, tick: float) -> Json:
    """The refresh once it is over."""
    seen, unseen = "", 0
    while True:
        try:
            found = api.one(number)
            unseen = 0
        except Unanswered:
            # It goes on without being looked at.
            unseen += 1
            if unseen == UNSEEN:
                raise
            time.sleep(tick)
            continue
        if found["Status"] in OVER:
            return found
        if (text := _far(found)) != seen:
            seen = text
            say(text)
        time.sleep(tick)


def _far(found: Json) -> str:
    """How far a refresh is."""
    left = found.get("InstancesToUpdate")
    text = f"{found['Status']}, {found.get('PercentageComplete', 0)} percent"
    text += f", {left} instances to go" if left else ""
    reason = str(found.get("StatusReason") or "").rstrip(".")
    return f"{text}: {reason}" if reason else text


def _policy(told: Mapping[str, Any]) -> Json:
    """A mixed instances policy as we write it: without what AWS adds to it by itself."""
    given: Json = told.get("MixedInstancesPolicy") or {}
    template: Json = given.get("LaunchTemplate") or {}
    started: Json = template.get("LaunchTemplateSpecification") or {}
    spread: Json = given.get("InstancesDistribution") or {}
    types: list[Json] = template.get("Overrides") or []
    return {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {key: started.get(key) for key in ("LaunchTemplateId", "Version")},
            "Overrides": [{"InstanceType": each.get("InstanceType")} for each in types],
        },
        "InstancesDistribution": {key: spread.get(key) for key in SPREAD},
    }


SPREAD: Final = (
    *("OnDemandAllocationStrategy", "OnDemandBaseCapacity", "OnDemandPercentageAboveBaseCapacity"),
    "SpotAllocationStrategy",
)
"""All that we say of how instances are spread."""


class _Api:
    """EC2 Auto Scaling, by the AWS credentials of the environment, as the push to ECR finds them."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        # Typed by nobody, and of use to those alone who have something in AWS.
        session: Any = importlib.import_module("botocore.session")
        config: Any = importlib.import_module("botocore.config")
        self._errors: Any = importlib.import_module("botocore.exceptions")
        limits = config.Config(
            connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"mode": "standard", "max_attempts": 5}
        )
        self._client = session.Session().create_client("autoscaling", region_name=wanted.region, config=limits)

    def group(self) -> Json:
        """The group, which must be one of the account that was meant."""
        found = self._ask("describe_auto_scaling_groups", AutoScalingGroupNames=[self._wanted.group])
        groups: list[Json] = found["AutoScalingGroups"]
        account = str(groups[0]["AutoScalingGroupARN"]).split(":")[4] if groups else "none"
        if account != self._wanted.account:
            raise ReleaseError(
                f"the auto scaling group {self._wanted.group} in {self._wanted.region} is one of account {account} to "
                f"these AWS credentials, expected account {self._wanted.account}; set AWS_PROFILE to one of it"
            )
        return groups[0]

    def newest(self) -> Json | None:
        """The refresh that began last."""
        found = self._ask("describe_instance_refreshes", AutoScalingGroupName=self._wanted.group, MaxRecords=1)
        return next(iter(found["InstanceRefreshes"]), None)

    def one(self, number: str) -> Json:
        found = self._ask(
            "describe_instance_refreshes", AutoScalingGroupName=self._wanted.group, InstanceRefreshIds=[number]
        )
        one: Json = found["InstanceRefreshes"][0]
        return one

    def start(self, policy: Json, preferences: Json) -> str:
        """Begin a refresh; returns its id."""
        found = self._ask(
            "start_instance_refresh",
            AutoScalingGroupName=self._wanted.group,
            DesiredConfiguration={"MixedInstancesPolicy": policy},
            Preferences=preferences,
        )
        return str(found["InstanceRefreshId"])

    def _ask(self, operation: str, **given: Any) -> Json:
        errors = self._errors
        where = f"EC2 Auto Scaling in {self._wanted.region}"
        try:
            answer: Json = getattr(self._client, operation)(**given)
        except (errors.NoCredentialsError, errors.PartialCredentialsError):
            raise ReleaseError(
                f"there are no AWS credentials to ask {where} with, expected them as the AWS command line has them; "
                "set AWS_PROFILE or run `aws configure`"
            ) from None
        except (errors.ConnectionError, errors.HTTPClientError) as error:
            raise Unanswered(
                f"{where} did not answer ({error}), expected an answer to {operation}; look at the way there"
            ) from None
        except (errors.BotoCoreError, errors.ClientError) as error:
            raise ReleaseError(
                f"{where} refused {operation} of {self._wanted.group} ({error}), expected it to be taken; look at the "
                "group, and at what these AWS credentials may do"
            ) from None
        return answer
