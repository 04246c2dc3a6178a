"""What breaks the rules of networks, identities, buckets, keys and logs on AWS."""

from typing import Any, Final

from tests.policies.flips import GONE, Flip, document, made

_LISTENER: Final = "aws:lb/listener:Listener"
_BALANCER: Final = "aws:lb/loadBalancer:LoadBalancer"
_INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_ROLE: Final = "aws:iam/role:Role"
_POLICY: Final = "aws:iam/rolePolicy:RolePolicy"
_BUCKET: Final = "aws:s3/bucket:Bucket"
_BLOCK: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_KEY: Final = "aws:kms/key:Key"
_REPOSITORY: Final = "aws:ecr/repository:Repository"
_LOGS: Final = "aws:cloudwatch/logGroup:LogGroup"
_ISSUER: Final = "token.actions.githubusercontent.com"
_GITHUB: Final = {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{_ISSUER}"}


def _balancer(rule: str, **change: Any) -> Flip:
    return Flip(rule, "balancer", _BALANCER, "front", change)


def _inline(rule: str, **statement: Any) -> Flip:
    return Flip(rule, "network", _POLICY, "net-flow-logs", {"policy": document({"Effect": "Allow", **statement})})


def _trust(rule: str, plan: str, name: str, **statement: Any) -> Flip:
    return Flip(rule, plan, _ROLE, name, {"assumeRolePolicy": document({"Effect": "Allow", **statement})})


def _github(**claims: Any) -> Flip:
    return _trust(
        "iam-web-identity-bounded",
        "github",
        "ci",
        Principal=_GITHUB,
        Action="sts:AssumeRoleWithWebIdentity",
        Condition={"StringLike": {f"{_ISSUER}:{claim}": value for claim, value in claims.items()}},
    )


def _shared(plan: str, type_: str, name: str, action: str, **more: Any) -> Flip:
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*", **more}
    return Flip("aws-not-shared-with-all", plan, type_, name, {"policy": document(statement)})


NETWORK: Final = (
    Flip("aws-no-open-administration", "network", _INGRESS, "net-endpoints", {"cidrIpv4": "0.0.0.0/0", "fromPort": 22}),
    Flip(
        "aws-no-open-administration",
        "network",
        _INGRESS,
        "net-endpoints",
        {"cidrIpv6": "::/0", "ipProtocol": "-1"},
    ),
    Flip(
        "aws-no-open-administration",
        "network",
        _INGRESS,
        "net-endpoints",
        {"cidrIpv4": "128.0.0.0/1", "fromPort": 0, "toPort": 65535},
        unknown="toPort",
    ),
    Flip(
        "aws-no-open-administration",
        "network",
        "aws:ec2/securityGroup:SecurityGroup",
        "net-endpoints",
        {"ingress": [{"protocol": "tcp", "fromPort": 3380, "toPort": 3390, "cidrBlocks": ["0.0.0.0/0"]}]},
        unknown="ingress[0].cidrBlocks",
    ),
    Flip("aws-group-described", "network", _INGRESS, "net-endpoints", {"description": GONE}),
    Flip(
        "vpc-default-group-closed",
        "network",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "net-default",
        {"ingress": [{"protocol": "-1", "self": True}]},
        breaks=("net",),
    ),
    Flip(
        "vpc-default-group-closed",
        "network",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "net-default",
        breaks=("net",),
        unknown=None,
    ),
    Flip("vpc-flow-logs", "network", "aws:ec2/flowLog:FlowLog", "net-flow-logs", breaks=("net",), unknown=None),
    Flip(
        "subnet-no-public-addresses",
        "network",
        "aws:ec2/subnet:Subnet",
        "net-public-a",
        {"mapPublicIpOnLaunch": True},
    ),
    Flip("lb-tls-modern", "balancer", _LISTENER, "front", {"sslPolicy": GONE}),
    Flip("lb-tls-modern", "balancer", _LISTENER, "front", {"sslPolicy": "ELBSecurityPolicy-TLS13-1-0-2021-06"}),
    Flip("lb-no-plain-http", "balancer", _LISTENER, "front-redirect", {"defaultActions[0].type": "forward"}),
    Flip(
        "lb-no-plain-http",
        "balancer",
        _LISTENER,
        "front-redirect",
        {"defaultActions[0].redirect.protocol": "HTTP"},
    ),
    _balancer("lb-drops-invalid-headers", dropInvalidHeaderFields=False),
    _balancer("lb-drops-invalid-headers", dropInvalidHeaderFields=GONE),
    _balancer("lb-no-desync", desyncMitigationMode="monitor"),
    _balancer("lb-access-logs", accessLogs={"enabled": False, "bucket": "logs"}),
    _balancer("lb-deletion-protected", enableDeletionProtection=False),
    Flip(
        "route53-health-by-tls",
        "weighted-name",
        "aws:route53/healthCheck:HealthCheck",
        "shared-google",
        {"type": "HTTP"},
    ),
)

IDENTITY: Final = (
    _inline("iam-no-administrator", Action="*", Resource="*"),
    _inline("iam-no-administrator", Action=["logs:PutLogEvents", "*:*"], Resource="*"),
    _inline("iam-no-administrator", NotAction="iam:*", Resource="*"),
    Flip(
        "iam-no-administrator",
        "network",
        _ROLE,
        "net-flow-logs",
        {"inlinePolicies": [{"name": "all", "policy": document({"Effect": "Allow", "Action": "*", "Resource": "*"})}]},
        unknown="inlinePolicies[0].policy",
    ),
    Flip(
        "iam-no-administrator-attached",
        "cluster",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "shop-vpc-cni",
        {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
    ),
    _inline("iam-no-whole-service", Action="S3:*", Resource="*"),
    _inline("iam-pass-role-bounded", Action="iam:PassRole", Resource="*"),
    _trust("iam-trust-named", "network", "net-flow-logs", Principal={"AWS": "*"}, Action="sts:AssumeRole"),
    _trust("iam-trust-named", "network", "net-flow-logs", NotPrincipal={"AWS": "x"}, Action="sts:AssumeRole"),
    _github(sub="repo:example/models:ref:refs/heads/main"),
    _github(aud="sts.amazonaws.com"),
    _github(aud="sts.amazonaws.com", sub="*"),
    _github(aud="sts.amazonaws.com", sub="repo:*"),
    _github(aud="sts.amazonaws.com", sub="system:serviceaccount:*:digits"),
    _github(aud="sts.amazonaws.com", sub="repo:exam*/models:ref:refs/heads/main"),
    Flip(
        "iam-no-users",
        "github",
        "aws:iam/user:User",
        "robot",
        {"name": "robot"},
        unknown=None,
        added=made("aws:iam/user:User", "robot", {}),
    ),
    Flip(
        "sqs-policy-named",
        "karpenter",
        "aws:sqs/queuePolicy:QueuePolicy",
        "shop-interruptions",
        {"policy": document({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*"})},
    ),
    _shared("network", _KEY, "net-flow-logs", "kms:Decrypt"),
    _shared(
        "registry-that-others-pull-from",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "models",
        "ecr:BatchGetImage",
    ),
    _shared("balancer", "aws:s3/bucketPolicy:BucketPolicy", "front-logs", "s3:GetObject"),
    _shared("secrets", "aws:secretsmanager/secretPolicy:SecretPolicy", "shop-api", "secretsmanager:GetSecretValue"),
    _shared("monitoring", "aws:sns/topicPolicy:TopicPolicy", "watch", "sns:Publish"),
    _shared("karpenter", "aws:sqs/queuePolicy:QueuePolicy", "shop-interruptions", "sqs:SendMessage"),
    _shared(
        "network",
        _KEY,
        "net-flow-logs",
        "kms:Decrypt",
        Condition={"StringNotEquals": {"aws:SourceAccount": "123456789012"}},
    ),
    _shared(
        "network",
        _KEY,
        "net-flow-logs",
        "kms:Decrypt",
        Condition={"StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}},
    ),
    _shared("network", _KEY, "net-flow-logs", "kms:Decrypt", Condition={"StringLike": {"aws:SourceAccount": "*"}}),
    _shared("network", _KEY, "net-flow-logs", "kms:Decrypt", Condition={"ArnLike": {"aws:SourceArn": "arn:aws:*:*:*"}}),
    _shared("network", _KEY, "net-flow-logs", "kms:Decrypt", Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
)

KEPT: Final = (
    Flip("s3-public-access-blocked", "balancer", _BLOCK, "front-logs", {"blockPublicPolicy": False}),
    Flip("s3-public-access-blocked", "balancer", _BLOCK, "front-logs", {"ignorePublicAcls": GONE}),
    Flip("s3-public-access-block", "balancer", _BLOCK, "front-logs", unknown=None),
    Flip("s3-no-public-acl", "balancer", _BUCKET, "front-logs", {"acl": "public-read"}),
    Flip(
        "s3-owner-enforced",
        "balancer",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "front-logs",
        {"rule.objectOwnership": "ObjectWriter"},
    ),
    Flip(
        "s3-own-key",
        "sagemaker-with-everything",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "digits-capture",
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
        unknown="rules[0].applyServerSideEncryptionByDefault.sseAlgorithm",
    ),
    Flip(
        "s3-versioned",
        "balancer",
        "aws:s3/bucketVersioning:BucketVersioning",
        "front-logs",
        {"versioningConfiguration.status": "Suspended"},
    ),
    Flip("s3-tls-alone", "balancer", "aws:s3/bucketPolicy:BucketPolicy", "front-logs", unknown=None),
    Flip(
        "s3-tls-alone",
        "balancer",
        "aws:s3/bucketPolicy:BucketPolicy",
        "front-logs",
        {"policy": document({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"})},
    ),
    Flip("kms-rotated", "network", _KEY, "net-flow-logs", {"enableKeyRotation": False}),
    Flip("kms-rotated", "network", _KEY, "net-flow-logs", {"enableKeyRotation": GONE}),
    Flip("kms-deletion-window", "network", _KEY, "net-flow-logs", {"deletionWindowInDays": 7}),
    Flip("ecr-scanned", "registry", _REPOSITORY, "models", {"imageScanningConfiguration.scanOnPush": False}),
    Flip("ecr-scanned", "registry", _REPOSITORY, "models", {"imageScanningConfiguration": GONE}),
    Flip("ecr-tags-immutable", "registry", _REPOSITORY, "models", {"imageTagMutability": "MUTABLE_WITH_EXCLUSION"}),
    Flip("ecr-tags-immutable", "registry", _REPOSITORY, "models", {"imageTagMutability": GONE}),
    Flip("ecr-own-key", "registry", _REPOSITORY, "models", {"encryptionConfigurations": GONE}),
    Flip("ecr-own-key", "registry", _REPOSITORY, "models", {"encryptionConfigurations[0].encryptionType": "AES256"}),
    Flip("logs-kept", "network", _LOGS, "net-flow-logs", {"retentionInDays": GONE}),
    Flip("logs-kept", "network", _LOGS, "net-flow-logs", {"retentionInDays": 7}),
    Flip("logs-own-key", "network", _LOGS, "net-flow-logs", {"kmsKeyId": GONE}, unknown=None),
    Flip(
        "secrets-own-key",
        "secrets",
        "aws:secretsmanager/secret:Secret",
        "shop-api",
        {"kmsKeyId": GONE},
        unknown=None,
    ),
    Flip(
        "secrets-rotated",
        "secrets",
        "aws:secretsmanager/secretRotation:SecretRotation",
        "shop-database",
        {"rotationRules.automaticallyAfterDays": 180},
    ),
    Flip(
        "secrets-rotated",
        "secrets",
        "aws:secretsmanager/secretRotation:SecretRotation",
        "shop-database",
        {"rotationRules": {"scheduleExpression": "rate(200 days)"}},
    ),
    Flip("sns-encrypted", "monitoring", "aws:sns/topic:Topic", "watch", {"kmsMasterKeyId": GONE}, unknown=None),
    Flip(
        "sqs-encrypted",
        "karpenter",
        "aws:sqs/queue:Queue",
        "shop-interruptions",
        {"sqsManagedSseEnabled": False},
    ),
)
