"""Rules of Google Kubernetes Engine: the cluster, and the nodes that it has."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies.given import no, open_to_all, yes
from policies.looking import Look
from policies.remedying import put
from policies.rules import Rule

CIS: Final = "CIS GKE 1.6.0"
_CLUSTER: Final = "gcp:container/cluster:Cluster"
_POOL: Final = "gcp:container/nodePool:NodePool"
_DOCS: Final = "https://cloud.google.com/kubernetes-engine/docs"
_HARDENING: Final = f"{_DOCS}/how-to/hardening-your-cluster"
_LOGS: Final = ("SYSTEM_COMPONENTS", "WORKLOADS")


def autopilot(each: Look) -> bool:
    """Whether Google looks after the nodes, and holds them to what it thinks right."""
    return yes(each.at("enableAutopilot"))


def _private(each: Look) -> Iterator[str]:
    if each.type == _POOL:
        if no(each.at("networkConfig.enablePrivateNodes")):
            yield "networkConfig.enablePrivateNodes is false, expected true"
    elif not yes(each.at("privateClusterConfig.enablePrivateNodes")):
        yield "privateClusterConfig.enablePrivateNodes is off, as where it is not said, expected true"


def _open_api(each: Look) -> Iterator[str]:
    if yes(each.at("privateClusterConfig.enablePrivateEndpoint")):
        return
    if no(each.at("controlPlaneEndpointsConfig.ipEndpointsConfig.enabled")):
        return
    if each.at("masterAuthorizedNetworksConfig") is None:
        yield "masterAuthorizedNetworksConfig is not said, which is everybody, expected networks of your own"
    for one in each.each("masterAuthorizedNetworksConfig.cidrBlocks"):
        if open_to_all(cidr := one.at("cidrBlock")):
            yield f"{one.path}.cidrBlock is {cidr}, which is everybody, expected networks of your own"


def _public_api(each: Look) -> Iterator[str]:
    by_address = not no(each.at("controlPlaneEndpointsConfig.ipEndpointsConfig.enabled"))
    if by_address and not yes(each.at("privateClusterConfig.enablePrivateEndpoint")):
        yield "privateClusterConfig.enablePrivateEndpoint is off, as where it is not said, expected true"


def _shielded(each: Look) -> Iterator[str]:
    if no(each.at("enableShieldedNodes")):
        yield "enableShieldedNodes is false, expected true"


def _with_shield(each: Look) -> Mapping[str, Any] | None:
    return put(each.props, ["enableShieldedNodes"], True) if [*_shielded(each)] else None


def _identity(each: Look) -> Iterator[str]:
    if not autopilot(each) and not each.told("workloadIdentityConfig.workloadPool"):
        yield "workloadIdentityConfig.workloadPool is not there, expected PROJECT.svc.id.goog"


def _policies(each: Look) -> Iterator[str]:
    if autopilot(each) or each.at("datapathProvider") == "ADVANCED_DATAPATH":
        return
    if not yes(each.at("networkPolicy.enabled")):
        yield "nothing enforces network policies, expected datapathProvider ADVANCED_DATAPATH"


def _signed(each: Look) -> Iterator[str]:
    mode = each.at("binaryAuthorization.evaluationMode", "DISABLED")
    if mode in ("DISABLED", "EVALUATION_MODE_UNSPECIFIED") and not yes(each.at("binaryAuthorization.enabled")):
        yield f"binaryAuthorization.evaluationMode is {mode}, expected PROJECT_SINGLETON_POLICY_ENFORCE"


def _secrets(each: Look) -> Iterator[str]:
    state = each.at("databaseEncryption.state", "DECRYPTED")
    if state not in ("ENCRYPTED", "ALL_OBJECTS_ENCRYPTION_ENABLED"):
        yield f"databaseEncryption.state is {state}, expected ENCRYPTED with a key of your own"
    elif not each.told("databaseEncryption.keyName"):
        yield "databaseEncryption.keyName is not there, expected a key of your own"


def _channel(each: Look) -> Iterator[str]:
    if not autopilot(each) and (told := each.at("releaseChannel.channel", "UNSPECIFIED")) == "UNSPECIFIED":
        yield f"releaseChannel.channel is {told}, expected REGULAR or STABLE"


def _old_access(each: Look) -> Iterator[str]:
    if yes(each.at("enableLegacyAbac")):
        yield "enableLegacyAbac is true, expected false"
    if yes(each.at("masterAuth.clientCertificateConfig.issueClientCertificate")):
        yield "masterAuth.clientCertificateConfig.issueClientCertificate is true, expected false"


def _observed(each: Look) -> Iterator[str]:
    for service, config in (("loggingService", "loggingConfig"), ("monitoringService", "monitoringConfig")):
        if each.at(service) == "none":
            yield f"{service} is none, expected it left out"
        elif each.at(f"{config}.enableComponents") is not None:
            wanted = _LOGS if config == "loggingConfig" else _LOGS[:1]
            if missing := [one for one in wanted if one not in each.values(f"{config}.enableComponents")]:
                yield f"{config}.enableComponents lacks {', '.join(missing)}, expected it"


def _intranode(each: Look) -> Iterator[str]:
    if not autopilot(each) and not yes(each.at("enableIntranodeVisibility")):
        yield "enableIntranodeVisibility is off, as where it is not said, expected true"


def _native(each: Look) -> Iterator[str]:
    if each.at("networkingMode") == "ROUTES":
        yield "networkingMode is ROUTES, expected VPC_NATIVE"


def _alpha(each: Look) -> Iterator[str]:
    if yes(each.at("enableKubernetesAlpha")):
        yield "enableKubernetesAlpha is true, expected false"


def _posture(each: Look) -> Iterator[str]:
    if (mode := each.at("securityPostureConfig.mode")) == "DISABLED":
        yield f"securityPostureConfig.mode is {mode}, expected BASIC"


def _nodes(each: Look) -> Iterator[Look]:
    """How nodes are made: of a pool, of one within a cluster, or of a cluster's first, if that stays."""
    if each.type == _POOL:
        yield from _node_config(each)
        return
    if not autopilot(each) and not yes(each.at("removeDefaultNodePool")) and not each.told("nodePools"):
        yield from _node_config(each)
    for pool in each.each("nodePools"):
        yield from _node_config(pool)


def _node_config(each: Look) -> Iterator[Look]:
    if each.at("nodeConfig") is None:
        yield Look(each.type, each.name, each.urn, {}, _joined(each), each.config, each.tags, each.options)
    else:
        yield each.part("nodeConfig")


def _joined(each: Look) -> str:
    return f"{each.path}.nodeConfig" if each.path else "nodeConfig"


def _maintained(each: Look) -> Iterator[str]:
    for word in ("autoRepair", "autoUpgrade"):
        if no(each.at(f"management.{word}")):
            yield f"management.{word} is false, expected true"


def _with_care(each: Look) -> Mapping[str, Any] | None:
    props = each.props
    for word in (off := [word for word in ("autoRepair", "autoUpgrade") if no(each.at(f"management.{word}"))]):
        props = put(props, ["management", word], True)
    return props if off else None


def _booted(node: Look) -> Iterator[str]:
    if not yes(node.at("shieldedInstanceConfig.enableSecureBoot")):
        yield f"{node.path}.shieldedInstanceConfig.enableSecureBoot is off, as where it is not said, expected true"
    if no(node.at("shieldedInstanceConfig.enableIntegrityMonitoring")):
        yield f"{node.path}.shieldedInstanceConfig.enableIntegrityMonitoring is false, expected true"


def _image(node: Look) -> Iterator[str]:
    kind = str(node.at("imageType", "COS_CONTAINERD")).upper()
    if not kind.startswith("COS") and not kind.startswith("WINDOWS"):
        yield f"{node.path}.imageType is {kind}, expected COS_CONTAINERD"


def default_account(value: Any) -> bool:
    """Whether a service account is the one that each project has and that may edit it."""
    return value in (None, "", "default") or str(value).endswith("-compute@developer.gserviceaccount.com")


def _account(node: Look) -> Iterator[str]:
    if default_account(account := node.at("serviceAccount")):
        yield f"{node.path}.serviceAccount is {account or 'not said'}, expected an account of the nodes' own"


def _metadata(node: Look) -> Iterator[str]:
    if (mode := node.at("workloadMetadataConfig.mode")) != "GKE_METADATA":
        yield f"{node.path}.workloadMetadataConfig.mode is {mode or 'not said'}, expected GKE_METADATA"
    if node.at("metadata") is not None and no(node.keyed("metadata", "disable-legacy-endpoints")):
        yield f"{node.path}.metadata has disable-legacy-endpoints false, expected true"


def _disk(node: Look) -> Iterator[str]:
    if not node.told("bootDiskKmsKey"):
        yield f"{node.path}.bootDiskKmsKey is not there, expected a key of your own"


def _rule(name: str, title: str, why: str, fix: str, severity: Severity, *ids: str, **more: Any) -> Rule:
    """A rule of clusters; `guide`: the page, if it is not the one about hardening."""
    return Rule(
        name=name,
        title=title,
        why=why,
        fix=fix,
        severity=severity,
        ids=ids,
        links=(more.pop("guide", _HARDENING),),
        types=more.pop("types", (_CLUSTER,)),
        **more,
    )


_BOTH: Final = (_CLUSTER, _POOL)
_HINT: Final = EnforcementLevel.ADVISORY

RULES: Final = (
    _rule(
        "gke-nodes-private",
        "Nodes of GKE have no public addresses",
        "What a firewall lets in by mistake comes from everywhere",
        "write enablePrivateNodes: true, with Cloud NAT as the way out",
        Severity.HIGH,
        "CKV_GCP_25",
        "CKV_GCP_64",
        f"{CIS} 5.6.5",
        types=_BOTH,
        look=_private,
        guide=f"{_DOCS}/concepts/network-isolation",
    ),
    _rule(
        "gke-api-not-open",
        "The control plane of a GKE cluster is not open to the internet",
        "Whoever finds a hole in it, or a token, can try from anywhere",
        "name the networks that may ask, or make the endpoint private",
        Severity.HIGH,
        "CKV_GCP_18",
        "CKV_GCP_20",
        f"{CIS} 5.6.3",
        look=_open_api,
        guide=f"{_DOCS}/how-to/latest/network-isolation",
    ),
    _rule(
        "gke-api-private",
        "The control plane of a GKE cluster has no public address",
        "Networks that may ask change hands, and an address on the internet is scanned",
        "write enablePrivateEndpoint: true, or ask by the DNS endpoint",
        Severity.MEDIUM,
        f"{CIS} 5.6.4",
        level=_HINT,
        look=_public_api,
        guide=f"{_DOCS}/concepts/network-isolation",
    ),
    _rule(
        "gke-nodes-shielded",
        "Nodes of GKE prove who they are",
        "Who gets a bootstrap token joins the cluster as a node",
        "leave enableShieldedNodes out, which is true",
        Severity.HIGH,
        "CKV_GCP_71",
        f"{CIS} 5.5.5",
        look=_shielded,
        remedy=_with_shield,
        guide=f"{_DOCS}/how-to/shielded-gke-nodes",
    ),
    _rule(
        "gke-workload-identity",
        "Pods of a GKE cluster have identities of their own",
        "Each pod is its node to Google Cloud, or has a key in a secret",
        "write workloadIdentityConfig with PROJECT.svc.id.goog",
        Severity.HIGH,
        f"{CIS} 5.2.2",
        look=_identity,
        guide=f"{_DOCS}/how-to/workload-identity",
    ),
    _rule(
        "gke-network-policies",
        "A GKE cluster enforces network policies",
        "Policies are taken and do nothing, and each pod talks to each",
        "write datapathProvider: ADVANCED_DATAPATH for a new cluster, or networkPolicy for one that is there",
        Severity.HIGH,
        "CKV_GCP_12",
        look=_policies,
        guide=f"{_DOCS}/concepts/dataplane-v2",
    ),
    _rule(
        "gke-binary-authorization",
        "A GKE cluster runs what its project's policy lets run",
        "Whoever may make a pod runs any image of the internet",
        "write evaluationMode: PROJECT_SINGLETON_POLICY_ENFORCE",
        Severity.MEDIUM,
        "CKV_GCP_66",
        f"{CIS} 5.10.4",
        look=_signed,
        guide="https://cloud.google.com/binary-authorization/docs/setting-up",
    ),
    _rule(
        "gke-secrets-encrypted",
        "Secrets of a GKE cluster are encrypted with a key of one's own",
        "Who may use the key, and when it is taken from everybody, is not in your hands",
        "write databaseEncryption with a key of Cloud KMS",
        Severity.HIGH,
        f"{CIS} 5.3.1",
        look=_secrets,
        guide=f"{_DOCS}/how-to/encrypting-secrets",
    ),
    _rule(
        "gke-release-channel",
        "A GKE cluster follows a release channel",
        "Holes that are mended in newer versions stay open until somebody thinks of them",
        "name REGULAR or STABLE",
        Severity.MEDIUM,
        "CKV_GCP_70",
        f"{CIS} 5.5.4",
        look=_channel,
        guide=f"{_DOCS}/concepts/release-channels",
    ),
    _rule(
        "gke-no-old-access",
        "Who may use a GKE cluster is said by IAM and RBAC alone",
        "A certificate cannot be taken back, and legacy access gives each node and account of the cluster everything",
        "leave enableLegacyAbac and issueClientCertificate out",
        Severity.HIGH,
        "CKV_GCP_7",
        "CKV_GCP_13",
        f"{CIS} 5.8.1",
        f"{CIS} 5.8.3",
        look=_old_access,
    ),
    _rule(
        "gke-observed",
        "A GKE cluster logs and is measured",
        "What happened is found nowhere else, and what breaks is seen by nobody",
        "list SYSTEM_COMPONENTS and WORKLOADS, or leave both out, which is so",
        Severity.MEDIUM,
        "CKV_GCP_1",
        "CKV_GCP_8",
        f"{CIS} 5.7.1",
        look=_observed,
        guide=f"{_DOCS}/concepts/observability",
    ),
    _rule(
        "gke-intranode-visible",
        "Flow logs and firewalls see what pods of one node say to each other",
        "A pod attacks its neighbour, and nothing tells of it",
        "write enableIntranodeVisibility: true",
        Severity.LOW,
        "CKV_GCP_61",
        f"{CIS} 5.6.1",
        level=_HINT,
        look=_intranode,
        guide=f"{_DOCS}/how-to/intranode-visibility",
    ),
    _rule(
        "gke-vpc-native",
        "Pods of a GKE cluster have addresses of the VPC",
        "Routes take the place of addresses, and neither private nodes nor firewalls of pods are to be had",
        "leave networkingMode out, which is VPC_NATIVE",
        Severity.MEDIUM,
        "CKV_GCP_23",
        f"{CIS} 5.6.2",
        look=_native,
        guide=f"{_DOCS}/concepts/alias-ips",
    ),
    _rule(
        "gke-no-alpha",
        "No GKE cluster is an alpha cluster",
        "Google takes it away after thirty days, and never mends it",
        "leave enableKubernetesAlpha out",
        Severity.MEDIUM,
        "CKV2_GCP_19",
        f"{CIS} 5.10.2",
        look=_alpha,
        guide=f"{_DOCS}/concepts/alpha-clusters",
    ),
    _rule(
        "gke-posture",
        "Google looks for mistakes in what a GKE cluster runs",
        "What is known to be dangerous runs unnoticed",
        "leave securityPostureConfig out, or write BASIC",
        Severity.LOW,
        f"{CIS} 5.10.5",
        level=_HINT,
        look=_posture,
        guide=f"{_DOCS}/concepts/about-security-posture-dashboard",
    ),
    _rule(
        "gke-nodes-maintained",
        "Nodes of GKE are repaired and upgraded",
        "Nodes that are broken stay, and holes that are mended in newer versions stay open",
        "leave management out, or write true for both",
        Severity.MEDIUM,
        "CKV_GCP_9",
        "CKV_GCP_10",
        f"{CIS} 5.5.2",
        f"{CIS} 5.5.3",
        types=(_POOL,),
        look=_maintained,
        remedy=_with_care,
        guide=f"{_DOCS}/how-to/node-auto-repair",
    ),
    _rule(
        "gke-nodes-secure-boot",
        "Nodes of GKE start what is signed alone",
        "What got into a node once starts with it ever after",
        "write enableSecureBoot: true for a new pool; one that is there would be replaced",
        Severity.MEDIUM,
        "CKV_GCP_68",
        "CKV_GCP_72",
        f"{CIS} 5.5.6",
        f"{CIS} 5.5.7",
        types=_BOTH,
        over=_nodes,
        look=_booted,
        guide=f"{_DOCS}/how-to/shielded-gke-nodes",
    ),
    _rule(
        "gke-nodes-cos",
        "Nodes of GKE run Container-Optimized OS",
        "What else an operating system has on it can be broken into",
        "leave imageType out, or write COS_CONTAINERD",
        Severity.MEDIUM,
        "CKV_GCP_22",
        f"{CIS} 5.5.1",
        types=_BOTH,
        over=_nodes,
        look=_image,
        guide=f"{_DOCS}/concepts/node-images",
    ),
    _rule(
        "gke-nodes-own-account",
        "Nodes of GKE have an account of their own",
        "The account that they have else may edit the project in many places, and so may whoever gets into a node",
        "name a service account with roles/container.defaultNodeServiceAccount",
        Severity.HIGH,
        "CKV2_GCP_1",
        f"{CIS} 5.2.1",
        types=_BOTH,
        over=_nodes,
        look=_account,
    ),
    _rule(
        "gke-nodes-metadata",
        "Pods of GKE do not get the metadata of their nodes",
        "A pod takes the credentials of its node",
        "write workloadMetadataConfig.mode: GKE_METADATA",
        Severity.HIGH,
        "CKV_GCP_69",
        f"{CIS} 5.4.1",
        types=_BOTH,
        over=_nodes,
        look=_metadata,
        guide=f"{_DOCS}/how-to/workload-identity",
    ),
    _rule(
        "gke-nodes-own-key",
        "Disks of GKE's nodes are encrypted with a key of one's own",
        "Who may use the key, and when it is taken from everybody, is not in your hands",
        "name a key as bootDiskKmsKey for a new pool",
        Severity.LOW,
        f"{CIS} 5.9.2",
        types=_BOTH,
        over=_nodes,
        level=_HINT,
        look=_disk,
        guide=f"{_DOCS}/how-to/using-cmek",
    ),
)
