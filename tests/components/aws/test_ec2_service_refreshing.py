"""An instance refresh as AWS's own client asks for it: of a server that has one group, and answers as EC2 does."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import pytest

from components import releases
from components.aws import ec2_service_refresh
from components.aws import ec2_service_refreshing as refreshing

ACCOUNT = "123456789012"
CAREFUL = {
    "MinHealthyPercentage": 100,
    "MaxHealthyPercentage": 150,
    "SkipMatching": True,
    "CheckpointPercentages": [10, 100],
    "CheckpointDelay": 300,
    "BakeTime": 60,
    "AutoRollback": False,
    "AlarmSpecification": {"Alarms": ["digits-errors"]},
}


def policy(version: str) -> dict[str, Any]:
    return {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-0123456789abcdef0", "Version": version},
            "Overrides": [{"InstanceType": "m7i.large"}, {"InstanceType": "m6i.large"}],
        },
        "InstancesDistribution": {
            "OnDemandAllocationStrategy": "prioritized",
            "OnDemandBaseCapacity": 2,
            "OnDemandPercentageAboveBaseCapacity": 50,
            "SpotAllocationStrategy": "price-capacity-optimized",
        },
    }


def props(version: str, **changed: Any) -> dict[str, Any]:
    """Inputs of an InstanceRefresh."""
    told = {"wanted": json.dumps(policy(version)), "preferences": json.dumps(CAREFUL), "wait": True}
    return {"region": "eu-central-1", "account": ACCOUNT, "group": "digits", **told, **changed}


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(each)}</{key}>" for key, each in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(each)}</member>" for each in value)
    return str(value)


class Cloud:
    """A group whose instances have one version, and what becomes of its refreshes, one after the other."""

    def __init__(self) -> None:
        self.version = "1"
        self.account = ACCOUNT
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.ends: list[list[dict[str, Any]]] = []
        """What is told of each refresh, look by look."""
        self.running: list[dict[str, Any]] = []
        self.started: list[str] = []
        self.refused = ""

    def began(self) -> list[dict[str, str]]:
        """What each refresh was begun with."""
        return [given for action, given in self.asked if action == "StartInstanceRefresh"]

    def answer(self, action: str, given: dict[str, str]) -> Any:
        self.asked.append((action, given))
        if action == "DescribeAutoScalingGroups":
            arn = f"arn:aws:autoscaling:eu-central-1:{self.account}:autoScalingGroup:1:autoScalingGroupName/digits"
            told = policy(self.version)
            told["LaunchTemplate"]["LaunchTemplateSpecification"]["LaunchTemplateName"] = "digits-1234567"
            told["InstancesDistribution"]["SpotMaxPrice"] = ""
            name = {"AutoScalingGroupName": "digits", "AutoScalingGroupARN": arn, "MixedInstancesPolicy": told}
            return {"AutoScalingGroups": [name] if self.account else []}
        if action == "StartInstanceRefresh":
            where = "DesiredConfiguration.MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.Version"
            self.started.append(given[where])
            self.running = self.ends.pop(0)
            return {"InstanceRefreshId": f"refresh-{len(self.started)}"}
        assert action == "DescribeInstanceRefreshes"
        if not self.running:
            return {"InstanceRefreshes": []}
        told = self.running[0] if len(self.running) == 1 else self.running.pop(0)
        wanted = self.started[-1] if self.started else "2"
        if told["Status"] == "Successful":
            self.version = wanted
        number = {"InstanceRefreshId": f"refresh-{len(self.started)}", **told}
        return {"InstanceRefreshes": [{**number, "DesiredConfiguration": {"MixedInstancesPolicy": policy(wanted)}}]}


class _Handler(http.server.BaseHTTPRequestHandler):
    cloud: ClassVar[Cloud]

    def do_POST(self) -> None:
        given = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        action = given.pop("Action")
        if self.cloud.refused == action:
            code, body = (
                400,
                "<ErrorResponse><Error><Code>ValidationError</Code><Message>No.</Message></Error></ErrorResponse>",
            )
        else:
            told = _xml(self.cloud.answer(action, given))
            code, body = 200, f"<{action}Response><{action}Result>{told}</{action}Result></{action}Response>"
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def cloud(address: str, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    for key, value in (
        ("AWS_ENDPOINT_URL", address),
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("NO_PROXY", "127.0.0.1"),
    ):
        monkeypatch.setenv(key, value)
    _Handler.cloud = Cloud()
    return _Handler.cloud


def refreshed(**changed: Any) -> list[str]:
    """What is said while the group comes to version 2."""
    said: list[str] = []
    refreshing.refresh(refreshing.Wanted.of(props("2", **changed)), say=said.append, tick=0)
    return said


def test_a_group_that_was_made_a_moment_ago_is_let_be(cloud: Cloud) -> None:
    made = ec2_service_refresh.InstanceRefreshProvider().create({**props("1"), "__provider": "class"})
    assert (made.id, made.outs) == ("eu-central-1/digits", props("1"))
    assert not cloud.began()


def test_a_new_version_comes_step_by_step_and_the_group_is_told_what_is_wanted_as_it_begins(cloud: Cloud) -> None:
    half = {"Status": "InProgress", "PercentageComplete": 10, "InstancesToUpdate": 3}
    waits = {**half, "StatusReason": "Waiting for a checkpoint."}
    cloud.ends = [[half, half, waits, {"Status": "Baking", "PercentageComplete": 100}, {"Status": "Successful"}]]
    assert refreshed() == [
        "an instance refresh has begun",
        "InProgress, 10 percent, 3 instances to go",
        "InProgress, 10 percent, 3 instances to go: Waiting for a checkpoint",
        "Baking, 100 percent",
    ]
    (given,) = cloud.began()
    prefix = "DesiredConfiguration.MixedInstancesPolicy."
    assert given[f"{prefix}LaunchTemplate.LaunchTemplateSpecification.Version"] == "2"
    assert given[f"{prefix}LaunchTemplate.Overrides.member.2.InstanceType"] == "m6i.large"
    assert given[f"{prefix}InstancesDistribution.OnDemandBaseCapacity"] == "2"
    assert given["Preferences.CheckpointPercentages.member.1"] == "10"
    assert given["Preferences.CheckpointDelay"] == "300"
    assert given["Preferences.AlarmSpecification.Alarms.member.1"] == "digits-errors"
    assert cloud.version == "2"


def test_a_version_that_an_alarm_has_ended_goes_back_and_fails(cloud: Cloud) -> None:
    failed = {"Status": "Failed", "StatusReason": "The alarm digits-errors went into ALARM."}
    cloud.ends = [[failed], [{"Status": "Successful"}]]
    with pytest.raises(releases.RolledBack) as error:
        refreshed()
    assert str(error.value) == (
        "modelport: rolled back: the new version did not come to all instances of digits: The alarm digits-errors "
        "went into "
        "ALARM, expected them to answer and no alarm to ring; every instance has the version before; see the log group "
        "for what the machines said"
    )
    assert cloud.started == ["2", "1"]
    _, back = cloud.began()
    # At once, and whatever rings: what served before is what there is to go back to.
    assert {key for key in back if key.startswith("Preferences.")} == {
        "Preferences.MinHealthyPercentage",
        "Preferences.MaxHealthyPercentage",
        "Preferences.SkipMatching",
    }


def test_a_way_back_that_fails_too_says_so(cloud: Cloud) -> None:
    cloud.ends = [[{"Status": "Failed"}], [{"Status": "Failed", "StatusReason": "No capacity."}]]
    with pytest.raises(releases.ReleaseError, match=r"its state is Failed, .* going back failed too \(No capacity\)"):
        refreshed()


def test_what_aws_rolled_back_itself_is_not_rolled_back_again(cloud: Cloud) -> None:
    cloud.ends = [[{"Status": "RollbackInProgress"}, {"Status": "RollbackSuccessful", "StatusReason": "Alarm."}]]
    with pytest.raises(releases.RolledBack, match=r"digits: Alarm, .* every instance has the version before"):
        refreshed()
    assert cloud.started == ["2"]
    cloud.ends = [[{"Status": "RollbackFailed"}]]
    with pytest.raises(releases.ReleaseError, match="going back failed too: look at its instances"):
        refreshed()


def test_an_up_that_was_ended_goes_on_waiting_where_it_was(cloud: Cloud) -> None:
    cloud.running = [{"Status": "InProgress"}, {"Status": "InProgress"}, {"Status": "Successful"}]
    assert refreshed() == ["InProgress, 0 percent"]
    assert not cloud.began()


def test_a_group_on_its_way_to_another_version_is_let_be(cloud: Cloud) -> None:
    cloud.running = [{"Status": "InProgress", "PercentageComplete": 50}]
    cloud.started = ["7"]
    with pytest.raises(releases.ReleaseError) as error:
        refreshed()
    assert error.value.message == (
        "the auto scaling group digits is on its way to another version (InProgress, 50 percent), expected none under "
        "way; wait for its end, or end it with `aws autoscaling cancel-instance-refresh --auto-scaling-group-name "
        "digits "
        "--region eu-central-1`"
    )


def test_without_waiting_aws_goes_on_alone(cloud: Cloud) -> None:
    cloud.ends = [[{"Status": "InProgress"}]]
    assert refreshed(wait=False) == ["an instance refresh has begun"]
    assert [action for action, _ in cloud.asked][-1] == "StartInstanceRefresh"


@pytest.mark.parametrize(("account", "whose"), [("210987654321", "210987654321"), ("", "none")])
def test_a_group_of_another_account_is_not_touched(cloud: Cloud, account: str, whose: str) -> None:
    cloud.account = account
    with pytest.raises(releases.ReleaseError) as error:
        refreshed()
    assert error.value.message == (
        f"the auto scaling group digits in eu-central-1 is one of account {whose} to these AWS credentials, expected "
        f"account {ACCOUNT}; set AWS_PROFILE to one of it"
    )
    assert not cloud.began()


def test_what_aws_refuses_is_said_in_one_line(cloud: Cloud) -> None:
    cloud.refused = "StartInstanceRefresh"
    with pytest.raises(releases.ReleaseError) as error:
        refreshed()
    assert error.value.message == (
        "EC2 Auto Scaling in eu-central-1 refused start_instance_refresh of digits (An error occurred "
        "(ValidationError) "
        "when calling the StartInstanceRefresh operation: No.), expected it to be taken; look at the group, and at "
        "what "
        "these AWS credentials may do"
    )


def test_without_credentials_it_is_said_how_to_have_some(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(key, raising=False)
    for key in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(key, "/nowhere")
    with pytest.raises(releases.ReleaseError, match=r"there are no AWS credentials .* set AWS_PROFILE or run"):
        refreshed()


def test_what_does_not_answer_for_a_moment_is_asked_again(cloud: Cloud) -> None:
    class Deaf:
        looks = 0

        def one(self, number: str) -> dict[str, Any]:
            self.looks += 1
            if self.looks < refreshing.UNSEEN:
                raise releases.Unanswered("nobody there")
            return {"Status": "Successful"}

    followed: Any = refreshing._followed
    assert followed(Deaf(), "refresh-1", print, 0) == {"Status": "Successful"}
    deaf = Deaf()
    deaf.looks = -1
    with pytest.raises(releases.Unanswered):
        followed(deaf, "refresh-1", print, 0)


def test_a_change_of_how_to_release_alone_starts_nothing(cloud: Cloud) -> None:
    provider = ec2_service_refresh.InstanceRefreshProvider()
    old, new = props("1"), props("1", preferences=json.dumps({"MinHealthyPercentage": 100}))
    found = provider.diff("", old, new)
    assert (found.changes, found.replaces) == (True, [])
    assert provider.update("", old, new).outs == new
    assert not cloud.began()
    assert provider.diff("", old, dict(old)).changes is False
    assert provider.diff("", old, props("1", group="other")).replaces == ["group"]
