"""Which calls make what answers in Amazon SageMaker."""

from typing import Final

from tests.components.aws.judging_call import Call, Made, Row

SAGEMAKER: Final[dict[str, Row]] = {
    "aws:sagemaker/model:Model": Made(
        (Call("sagemaker", "CreateModel", takes={"name": "ModelName"}, gives={"arn": "ModelArn"}),),
        gone=(Call("sagemaker", "DeleteModel", fixed={"ModelName": "{name}"}),),
    ),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": Made(
        (
            Call(
                "sagemaker",
                "CreateEndpointConfig",
                takes={"name": "EndpointConfigName", "kmsKeyArn": "KmsKeyId"},
                gives={"arn": "EndpointConfigArn"},
            ),
        ),
        gone=(Call("sagemaker", "DeleteEndpointConfig", fixed={"EndpointConfigName": "{name}"}),),
    ),
    "aws:sagemaker/endpoint:Endpoint": Made(
        (Call("sagemaker", "CreateEndpoint", takes={"name": "EndpointName"}, gives={"arn": "EndpointArn"}),),
        gone=(Call("sagemaker", "DeleteEndpoint", fixed={"EndpointName": "{name}"}),),
    ),
}
