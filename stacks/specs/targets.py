"""Which targets there are, and which sections of a stack file each of them takes."""

TARGETS: dict[str, tuple[str, ...]] = {
    "local": ("endpoint",),
    "kubernetes": (
        *("kubernetes", "service", "runtime", "gateway", "release", "autoscaling", "monitoring", "tenants", "api_keys"),
    ),
    "aws-eks": ("aws", "kubernetes", "service", "release", "autoscaling", "api_keys"),
    "aws-ecs": ("ecs", "release", "autoscaling"),
    "aws-ec2": ("ec2", "release", "autoscaling"),
    "aws-lambda": ("function", "release"),
    "aws-sagemaker": ("sagemaker", "release", "autoscaling"),
    "gcp-gke": ("gcp", "kubernetes", "service", "release", "autoscaling", "api_keys"),
    "gcp-cloudrun": ("cloudrun", "release", "autoscaling"),
    "gcp-vertex": ("vertex", "release", "autoscaling"),
}
"""The sections that a target takes beside `model` and `image`; those of another target are a mistake."""
COUNTERPARTS: dict[str, dict[str, str]] = {
    "aws-eks": {"gateway": "aws.load_balancer", "monitoring": "aws.monitoring"},
    "aws-ecs": {"gateway": "ecs.load_balancer", "monitoring": "ecs.monitoring", "service": "ecs.task"},
    "aws-ec2": {"gateway": "ec2.load_balancer", "monitoring": "ec2.alarms", "service": "ec2.instance"},
    "aws-lambda": {
        "autoscaling": "function.reserved_concurrency",
        "gateway": "function.api",
        "monitoring": "function.alarms",
        "service": "function.memory",
    },
    "aws-sagemaker": {"monitoring": "sagemaker.alarms", "service": "sagemaker.instance"},
    "gcp-gke": {"gateway": "gcp.load_balancer", "monitoring": "gcp.monitoring"},
    "gcp-cloudrun": {
        "gateway": "cloudrun.load_balancer",
        "monitoring": "cloudrun.monitoring",
        "service": "cloudrun.instance",
    },
    "gcp-vertex": {"gateway": "vertex.access", "monitoring": "vertex.alarms", "service": "vertex.machine"},
}
"""Where a target says itself what a section of another target is for."""
ACCOUNTS = {
    "aws-eks": "aws",
    "aws-ecs": "ecs",
    "aws-ec2": "ec2",
    "aws-lambda": "function",
    "aws-sagemaker": "sagemaker",
    "gcp-gke": "gcp",
    "gcp-cloudrun": "cloudrun",
    "gcp-vertex": "vertex",
}
"""The section of a target that says its account, or its project."""
RULES = {
    "aws-eks": "aws_rules",
    "aws-ecs": "aws_ecs_rules",
    "aws-ec2": "aws_ec2_rules",
    "aws-lambda": "aws_lambda_rules",
    "aws-sagemaker": "aws_sagemaker_rules",
    "gcp-gke": "gcp_rules",
    "gcp-cloudrun": "gcp_cloudrun_rules",
    "gcp-vertex": "gcp_vertex_rules",
}
"""The module of what a cloud would refuse of a target's section, which loads what it asks."""
OWN_CLUSTERS = ("aws-eks", "gcp-gke")
"""Targets that make the cluster which they deploy into."""
