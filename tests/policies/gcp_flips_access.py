"""What breaks the rules of services, networks, identities, keys and buckets on Google Cloud."""

from typing import Any, Final

from tests.policies.flips import GONE, Flip, made

_RUN: Final = "gcp:cloudrunv2/service:Service"
_FUNCTION: Final = "gcp:cloudfunctionsv2/function:Function"
_ENDPOINT: Final = "gcp:vertex/aiEndpoint:AiEndpoint"
_TEMPLATE: Final = "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate"
_PROJECT: Final = "gcp:projects/iAMMember:IAMMember"
_KEY: Final = "gcp:kms/cryptoKey:CryptoKey"
_REPOSITORY: Final = "gcp:artifactregistry/repository:Repository"
_BUCKET: Final = "gcp:storage/bucket:Bucket"
_DATASET: Final = "gcp:bigquery/dataset:Dataset"
_PROVIDER: Final = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
_SUBNET: Final = "gcp:compute/subnetwork:Subnetwork"
_POLICY: Final = "gcp:compute/sSLPolicy:SSLPolicy"
_BACKEND: Final = "gcp:compute/backendService:BackendService"
_BALANCER: Final = "load-balancer.load-balancer"
_TABLES: Final = "vertex.vertex_with_everything"


def _run(rule: str, change: dict[str, Any], **how: Any) -> Flip:
    return Flip(rule, "cloud-run.cloud_run", _RUN, "digits", change, **how)


def _machine(rule: str, change: dict[str, Any], **how: Any) -> Flip:
    return Flip(rule, "compute.compute", _TEMPLATE, "digits", change, **how)


def _variables(path: str) -> dict[str, Any]:
    """The inputs of a resource whose one variable is a password that is not there."""
    inputs: Any = [{"name": "DB_PASSWORD"}]
    for part in reversed(path.split(".")):
        inputs = {part.removesuffix("[0]"): [inputs] if part.endswith("[0]") else inputs}
    return dict(inputs)


def _open(*ports: str, protocol: str = "tcp", cidr: str = "0.0.0.0/0", **how: Any) -> Flip:
    change = {"allows": [{"protocol": protocol, "ports": [*ports]}], "sourceRanges": [cidr]}
    type_ = "gcp:compute/firewall:Firewall"
    return Flip("gcp-no-open-administration", _BALANCER, type_, "edge-port-30080", change, **how)


SERVING: Final = (
    _run("run-ingress", {"ingress": "INGRESS_TRAFFIC_ALL"}),
    _run("run-ingress", {"ingress": GONE}),
    _run("run-own-account", {"template.serviceAccount": GONE}),
    _run("run-own-key", {"template.encryptionKey": GONE}, unknown=None),
    _run("run-own-key", {"template.encryptionKey": ""}, unknown=None),
    _run("run-bounded", {"template.scaling": GONE}, unknown=None),
    _run("run-bounded", {"template.scaling.maxInstanceCount": 0}, unknown=None),
    _run(
        "gcp-no-secrets-in-environment",
        {"template.containers[0].envs": [{"name": "UPSTREAM_TOKEN", "value": "hunter2"}]},
        unknown="template.containers[0].envs[0].value",
    ),
    Flip(
        "gcp-no-secrets-in-environment",
        "function.function",
        _FUNCTION,
        "digits",
        {"serviceConfig.environmentVariables.UPSTREAM_TOKEN": "hunter2"},
    ),
    Flip("function-ingress", "function.function", _FUNCTION, "digits", {"serviceConfig.ingressSettings": "ALLOW_ALL"}),
    Flip("function-ingress", "function.function", _FUNCTION, "digits", {"serviceConfig.ingressSettings": GONE}),
    Flip("function-own-account", "function.function", _FUNCTION, "digits", {"serviceConfig.serviceAccountEmail": GONE}),
    *(
        Flip(
            "gcp-no-secrets-in-environment",
            "function.function",
            type_,
            "by-hand",
            {f"{path}[0].value": "hunter2"},
            added=made(type_, "by-hand", _variables(path)),
        )
        for type_, path in (
            ("gcp:cloudrun/service:Service", "template.spec.containers[0].envs"),
            ("gcp:cloudrunv2/workerPool:WorkerPool", "template.containers[0].envs"),
        )
    ),
    Flip(
        "gcp-no-secrets-in-environment",
        "function.function",
        "gcp:cloudfunctions/function:Function",
        "by-hand",
        {"environmentVariables.DB_PASSWORD": "hunter2"},
        added=made("gcp:cloudfunctions/function:Function", "by-hand", {}),
    ),
    Flip("vertex-own-key", "vertex.vertex", _ENDPOINT, "digits", {"encryptionSpec": GONE}, unknown=None),
    Flip("vertex-own-key", "vertex.vertex", _ENDPOINT, "digits", {"encryptionSpec.kmsKeyName": ""}, unknown=None),
    Flip("vertex-private", _TABLES, _ENDPOINT, "whole", {"privateServiceConnectConfig": GONE}),
    Flip(
        "vertex-private",
        _TABLES,
        _ENDPOINT,
        "whole",
        {"network": "", "privateServiceConnectConfig": GONE},
        unknown="privateServiceConnectConfig",
    ),
    _machine("gce-no-public-address", {"networkInterfaces[0].accessConfigs": [{"networkTier": "PREMIUM"}]}),
    _machine("gce-no-public-address", {"networkInterfaces[0].ipv6AccessConfigs": [{"networkTier": "PREMIUM"}]}),
    _machine("gce-secure-boot", {"shieldedInstanceConfig": GONE}),
    _machine("gce-secure-boot", {"shieldedInstanceConfig.enableVtpm": False}),
    _machine("gce-own-account", {"serviceAccount.email": GONE}),
    _machine("gce-no-back-door", {"metadata": {"serial-port-enable": "TRUE"}}),
    _machine("gce-no-back-door", {"metadata": {"enable-oslogin": "FALSE"}}),
    *(_machine("gce-no-back-door", {"metadata": {"serial-port-enable": word}}) for word in ("yes", "Y", "1")),
    *(_machine("gce-no-back-door", {"metadata": {"enable-oslogin": word}}) for word in ("no", "N", "0")),
    _machine("gce-no-back-door", {"metadata": {"ssh-keys": "me:ssh-ed25519 AAAA me"}}),
    _machine("gce-no-keys-in-metadata", {"metadataStartupScript": "KEY=AKIA" + "Q" * 16}),
    _machine("gce-no-keys-in-metadata", {"metadata": {"user-data": "-----BEGIN PRIVATE KEY-----"}}),
)

NETWORK: Final = (
    Flip(
        "gcp-network-custom",
        "network.network",
        "gcp:compute/network:Network",
        "net",
        {"autoCreateSubnetworks": GONE},
    ),
    Flip("gcp-subnet-flow-logs", "network.network", _SUBNET, "net", {"logConfig": GONE}),
    Flip("gcp-subnet-google-access", "network.network", _SUBNET, "net", {"privateIpGoogleAccess": False}),
    _open("22"),
    _open("20-25", unknown="allows[0].ports[0]"),
    _open(protocol="tcp"),
    _open(protocol="all", cidr="0.0.0.0/1", unknown="sourceRanges[0]"),
    _open("3389", protocol="udp", cidr="::/0"),
    Flip("gcp-tls-modern", _BALANCER, _POLICY, "edge", {"minTlsVersion": "TLS_1_1"}),
    Flip("gcp-tls-modern", _BALANCER, _POLICY, "edge", {"profile": GONE}),
    Flip(
        "gcp-tls-policy",
        _BALANCER,
        "gcp:compute/targetHttpsProxy:TargetHttpsProxy",
        "edge",
        {"sslPolicy": GONE},
        unknown=None,
    ),
    Flip(
        "gcp-no-plain-http",
        _BALANCER,
        "gcp:compute/uRLMap:URLMap",
        "edge-redirect",
        {"defaultUrlRedirect.httpsRedirect": False},
    ),
    Flip(
        "gcp-tls-policy",
        _BALANCER,
        "gcp:compute/targetHttpsProxy:TargetHttpsProxy",
        "edge",
        {"sslPolicy": ""},
        unknown=None,
    ),
    Flip("gcp-armor", _BALANCER, _BACKEND, "edge-nodes", {"securityPolicy": GONE}, unknown="loadBalancingScheme"),
    Flip("gcp-armor", _BALANCER, _BACKEND, "edge-nodes", {"securityPolicy": ""}, unknown="loadBalancingScheme"),
    Flip("gcp-backend-logged", _BALANCER, _BACKEND, "edge-nodes", {"logConfig.enable": False}),
    Flip("gcp-dns-logged", "network.network", "gcp:dns/policy:Policy", "net", {"enableLogging": False}),
)

IDENTITY: Final = (
    Flip(
        "gcp-nothing-public",
        "identity.everything",
        "gcp:storage/bucketIAMMember:BucketIAMMember",
        "whole-reads-objects-models",
        {"member": "allUsers"},
    ),
    Flip(
        "gcp-nothing-public",
        "registry.registry-with-everything",
        "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
        "models-nodes",
        {"member": "allAuthenticatedUsers"},
    ),
    Flip("gcp-no-basic-roles", "cluster.cluster", _PROJECT, "shop-nodes", {"role": "roles/editor"}),
    Flip(
        "gcp-no-acting-as-any",
        "cluster.cluster",
        _PROJECT,
        "shop-nodes",
        {"role": "roles/iam.serviceAccountTokenCreator"},
    ),
    Flip(
        "gcp-no-default-account",
        "cluster.cluster",
        _PROJECT,
        "shop-nodes",
        {"member": "serviceAccount:123456789012-compute@developer.gserviceaccount.com"},
    ),
    Flip(
        "gcp-no-account-keys",
        "cluster.cluster",
        "gcp:serviceaccount/key:Key",
        "laptop",
        {"serviceAccountId": "digits"},
        unknown=None,
        added=made("gcp:serviceaccount/key:Key", "laptop", {}),
    ),
    Flip("gcp-federation-bounded", "github.github", _PROVIDER, "ci", {"attributeCondition": GONE}),
    Flip(
        "gcp-federation-bounded",
        "github.github",
        _PROVIDER,
        "ci",
        {"attributeCondition": 'assertion.ref == "refs/heads/main"'},
    ),
)

KEPT: Final = (
    Flip("gcp-kms-rotated", "cluster.cluster", _KEY, "shop-key", {"rotationPeriod": GONE}),
    Flip("gcp-kms-rotated", "cluster.cluster", _KEY, "shop-key", {"rotationPeriod": "31536000s"}),
    Flip("gcp-kms-recoverable", "cluster.cluster", _KEY, "shop-key", {"destroyScheduledDuration": "86400s"}),
    Flip("gar-own-key", "registry.registry", _REPOSITORY, "models", {"kmsKeyName": GONE}, unknown=None),
    Flip("gar-own-key", "registry.registry", _REPOSITORY, "models", {"kmsKeyName": ""}, unknown=None),
    Flip("gar-tags-immutable", "registry.registry", _REPOSITORY, "models", {"dockerConfig.immutableTags": False}),
    Flip("gar-tags-immutable", "registry.registry", _REPOSITORY, "models", {"dockerConfig": GONE}),
    Flip(
        "gar-scanned",
        "registry.registry",
        _REPOSITORY,
        "models",
        {"vulnerabilityScanningConfig.enablementConfig": "DISABLED"},
    ),
    Flip("gcs-uniform-access", "identity.everything", _BUCKET, "models", {"uniformBucketLevelAccess": GONE}),
    Flip("gcs-public-access-prevented", "identity.everything", _BUCKET, "models", {"publicAccessPrevention": GONE}),
    Flip(
        "gcs-public-access-prevented",
        "identity.everything",
        _BUCKET,
        "models",
        {"publicAccessPrevention": "inherited"},
    ),
    Flip("gcs-versioned", "identity.everything", _BUCKET, "models", {"versioning.enabled": False}),
    Flip(
        "gcs-soft-delete",
        "identity.everything",
        _BUCKET,
        "models",
        {"softDeletePolicy.retentionDurationSeconds": 0},
    ),
    Flip("pubsub-own-key", "budget.budget", "gcp:pubsub/topic:Topic", "spend", {"kmsKeyName": GONE}, unknown=None),
    Flip("pubsub-own-key", "budget.budget", "gcp:pubsub/topic:Topic", "spend", {"kmsKeyName": ""}, unknown=None),
    Flip(
        "bigquery-own-key",
        _TABLES,
        _DATASET,
        "whole-requests",
        {"defaultEncryptionConfiguration.kmsKeyName": ""},
        unknown=None,
    ),
    Flip(
        "bigquery-own-key",
        _TABLES,
        _DATASET,
        "whole-requests",
        {"defaultEncryptionConfiguration": GONE},
        unknown=None,
    ),
    Flip(
        "bigquery-not-public",
        _TABLES,
        _DATASET,
        "whole-requests",
        {"accesses": [{"role": "READER", "specialGroup": "allAuthenticatedUsers"}]},
        unknown="accesses[0].specialGroup",
    ),
)
