"""What Google's smaller interfaces make, and what is called otherwise there."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from tests.components.gcp.judging_api_made import OURS, WHOLE, Made, members
from tests.components.judging import opened

_KMS: Final = "projects.locations.keyRings"
_REPOSITORIES: Final = "projects.locations.repositories"
_SECRETS: Final = "projects.secrets"


def _by_id(given: Any) -> Any:
    """Policies of a repository by their ids, which the provider has in a list; days as the seconds that it sends."""
    found: dict[str, Any] = {}
    for each in cast("list[dict[str, Any]]", given):
        known = {key: opened(value) for key, value in each.items()}
        for key, value in known.get("condition", {}).items():
            if key in ("newerThan", "olderThan") and (days := re.fullmatch("([0-9]+)d", value)):
                known["condition"] = {**known["condition"], key: f"{int(days[1]) * 86400}s"}
        found[known["id"]] = known
    return found


def _lists(given: Any) -> dict[str, list[Any]]:
    """A label's values, of which there is one, are a list."""
    return {key: [value] for key, value in given.items()}


def _calls_as(given: Any) -> str:
    """The account that a gateway is, which the provider has in two blocks."""
    return str(opened(opened(given)["backendConfig"])["googleServiceAccount"])


def _days(given: Any) -> str:
    return f"{int(given) * 86400}s"


REST: Final[Mapping[str, Made]] = {
    "gcp:apigateway/api:Api": Made("apigateway.v1", "projects.locations.apis.create"),
    "gcp:apigateway/apiConfig:ApiConfig": Made(
        "apigateway.v1",
        "projects.locations.apis.configs.create",
        {"api": OURS, "gatewayConfig": "gatewayServiceAccount"},
        told={"gatewayConfig": _calls_as},
    ),
    "gcp:apigateway/gateway:Gateway": Made("apigateway.v1", "projects.locations.gateways.create", {"region": OURS}),
    "gcp:artifactregistry/repository:Repository": Made(
        "artifactregistry.v1", f"{_REPOSITORIES}.create", told={"cleanupPolicies": _by_id}
    ),
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": members(
        "artifactregistry.v1", _REPOSITORIES, "repository"
    ),
    "gcp:billing/budget:Budget": Made(
        "billingbudgets.v1",
        "billingAccounts.budgets.create",
        {"allUpdatesRule": "notificationsRule", "billingAccount": OURS},
        told={"budgetFilter.labels": _lists},
    ),
    "gcp:bigquery/dataset:Dataset": Made(
        "bigquery.v2",
        "datasets.insert",
        {
            "accesses": "access",
            "datasetId": "datasetReference.datasetId",
            "deleteContentsOnDestroy": OURS,
        },
    ),
    "gcp:certificatemanager/certificate:Certificate": Made(
        "certificatemanager.v1",
        "projects.locations.certificates.create",
        {
            "name": "?certificateId",
            "selfManaged.certificatePem": "pemCertificate",
            "selfManaged.pemPrivateKey": "pemPrivateKey",
        },
    ),
    "gcp:certificatemanager/certificateMap:CertificateMap": Made(
        "certificatemanager.v1", "projects.locations.certificateMaps.create", {"name": "?certificateMapId"}
    ),
    "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry": Made(
        "certificatemanager.v1",
        "projects.locations.certificateMaps.certificateMapEntries.create",
        {"name": "?certificateMapEntryId", "map": OURS},
    ),
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": Made(
        "certificatemanager.v1", "projects.locations.dnsAuthorizations.create", {"name": "?dnsAuthorizationId"}
    ),
    "gcp:cloudfunctionsv2/function:Function": Made(
        "cloudfunctions.v2", "projects.locations.functions.create", {"name": "?functionId"}
    ),
    "gcp:cloudrunv2/service:Service": Made("run.v2", "projects.locations.services.create", {"name": "?serviceId"}),
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember": members("run.v2", "projects.locations.services", "name"),
    "gcp:dns/managedZone:ManagedZone": Made("dns.v1", "managedZones.create", {"forceDestroy": OURS}),
    "gcp:dns/policy:Policy": Made("dns.v1", "policies.create"),
    "gcp:dns/recordSet:RecordSet": Made("dns.v1", "resourceRecordSets.create"),
    "gcp:kms/cryptoKey:CryptoKey": Made(
        "cloudkms.v1", f"{_KMS}.cryptoKeys.create", {"keyRing": "?parent", "name": "?cryptoKeyId"}
    ),
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": members("cloudkms.v1", f"{_KMS}.cryptoKeys", whole="cryptoKeyId"),
    "gcp:kms/keyRing:KeyRing": Made("cloudkms.v1", f"{_KMS}.create", {"name": "?keyRingId"}),
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": Made(
        "iam.v1", "projects.locations.workloadIdentityPools.create"
    ),
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": Made(
        "iam.v1", "projects.locations.workloadIdentityPools.providers.create", {"workloadIdentityPoolId": OURS}
    ),
    "gcp:logging/metric:Metric": Made("logging.v2", "projects.metrics.create"),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": Made(
        "logging.v2", "projects.locations.buckets.create", {"enableAnalytics": "analyticsEnabled"}
    ),
    "gcp:logging/projectSink:ProjectSink": Made("logging.v2", "projects.sinks.create"),
    "gcp:monitoring/alertPolicy:AlertPolicy": Made("monitoring.v3", "projects.alertPolicies.create"),
    "gcp:monitoring/customService:CustomService": Made("monitoring.v3", "services.create"),
    "gcp:monitoring/dashboard:Dashboard": Made(
        "monitoring.v1", "projects.dashboards.create", {"dashboardJson": WHOLE}, told={"dashboardJson": json.loads}
    ),
    "gcp:monitoring/genericService:GenericService": Made("monitoring.v3", "services.create"),
    "gcp:monitoring/notificationChannel:NotificationChannel": Made(
        "monitoring.v3", "projects.notificationChannels.create", {"forceDelete": OURS, "sensitiveLabels": "labels"}
    ),
    "gcp:monitoring/slo:Slo": Made(
        "monitoring.v3",
        "services.serviceLevelObjectives.create",
        {
            "basicSli": "serviceLevelIndicator.basicSli",
            "requestBasedSli": "serviceLevelIndicator.requestBased",
            "rollingPeriodDays": "rollingPeriod",
            "service": OURS,
            "sloId": "?serviceLevelObjectiveId",
            "windowsBasedSli": "serviceLevelIndicator.windowsBased",
        },
        told={"rollingPeriodDays": _days},
    ),
    "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig": Made("monitoring.v3", "projects.uptimeCheckConfigs.create"),
    "gcp:networkmanagement/vpcFlowLogsConfig:VpcFlowLogsConfig": Made(
        "networkmanagement.v1", "projects.locations.vpcFlowLogsConfigs.create"
    ),
    "gcp:projects/apiKey:ApiKey": Made("apikeys.v2", "projects.locations.keys.create", {"name": "?keyId"}),
    "gcp:projects/iAMCustomRole:IAMCustomRole": Made(
        "iam.v1", "projects.roles.create", {"permissions": "role.includedPermissions", "roleId": "roleId"}, "role"
    ),
    "gcp:projects/iAMMember:IAMMember": members("cloudresourcemanager.v1", "projects"),
    "gcp:projects/service:Service": Made(
        "serviceusage.v1",
        "services.enable",
        dict.fromkeys(
            (*("checkIfServiceHasUsageOnDestroy", "disableDependentServices", "disableOnDestroy", "service"),), OURS
        ),
    ),
    "gcp:projects/serviceIdentity:ServiceIdentity": Made("serviceusage.v1", "services.enable", {"service": OURS}),
    "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember": members(
        "pubsub.v1", "projects.subscriptions", whole="subscription"
    ),
    "gcp:pubsub/topic:Topic": Made("pubsub.v1", "projects.topics.create", {"name": OURS}),
    "gcp:pubsub/topicIAMMember:TopicIAMMember": members("pubsub.v1", "projects.topics", "topic"),
    "gcp:secretmanager/secret:Secret": Made(
        "secretmanager.v1", f"{_SECRETS}.create", {"replication.auto": "automatic"}
    ),
    "gcp:secretmanager/secretIamMember:SecretIamMember": members("secretmanager.v1", _SECRETS, "secretId"),
    "gcp:secretmanager/secretVersion:SecretVersion": Made(
        "secretmanager.v1",
        f"{_SECRETS}.addVersion",
        {"enabled": OURS, "secret": "?parent", "secretData": "payload.data"},
    ),
    "gcp:servicenetworking/connection:Connection": Made(
        "servicenetworking.v1", "services.connections.create", {"service": OURS, "updateOnCreationFail": OURS}
    ),
    "gcp:serviceaccount/account:Account": Made(
        "iam.v1",
        "projects.serviceAccounts.create",
        {"accountId": "accountId", "createIgnoreAlreadyExists": OURS, "disabled": OURS},
        "serviceAccount",
    ),
    "gcp:serviceaccount/iAMMember:IAMMember": members("iam.v1", "projects.serviceAccounts", whole="serviceAccountId"),
    "gcp:storage/bucket:Bucket": Made(
        "storage.v1",
        "buckets.insert",
        {
            "forceDestroy": OURS,
            "lifecycleRules": "lifecycle.rule",
            "publicAccessPrevention": "iamConfiguration.publicAccessPrevention",
            "requesterPays": "billing.requesterPays",
            "uniformBucketLevelAccess": "iamConfiguration.uniformBucketLevelAccess.enabled",
        },
    ),
    "gcp:storage/bucketObject:BucketObject": Made("storage.v1", "objects.insert", {"source": OURS}),
    "gcp:storage/bucketIAMMember:BucketIAMMember": members("storage.v1", "buckets", "bucket"),
    "gcp:vertex/aiEndpoint:AiEndpoint": Made(
        "aiplatform.v1", "projects.locations.endpoints.create", {"name": "?endpointId", "region": OURS}
    ),
    "gcp:vertex/aiEndpointIamMember:AiEndpointIamMember": members(
        "aiplatform.v1beta1", "projects.locations.endpoints", "endpoint"
    ),
}
