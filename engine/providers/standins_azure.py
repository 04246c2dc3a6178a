"""What stands in for Azure in a plan."""

from engine.providers.standins import Asked, Entry
from engine.values import Props

NOBODY = "00000000-0000-0000-0000-000000000000"


def subscription_of(asked: Asked) -> str:
    return asked.setting("subscriptionId", "ARM_SUBSCRIPTION_ID", default=NOBODY)


def _client(asked: Asked) -> Props:
    return {
        "clientId": asked.setting("clientId", "ARM_CLIENT_ID", default=NOBODY),
        "objectId": NOBODY,
        "subscriptionId": subscription_of(asked),
        "tenantId": asked.setting("tenantId", "ARM_TENANT_ID", default=NOBODY),
    }


def _group(asked: Asked) -> Props:
    name = str(asked.args.get("resourceGroupName"))
    return {
        "id": f"/subscriptions/{subscription_of(asked)}/resourceGroups/{name}",
        "name": name,
        "location": asked.setting("location", "ARM_LOCATION_NAME", default="westeurope"),
        "type": "Microsoft.Resources/resourceGroups",
        "azureApiVersion": "",
        "properties": {"provisioningState": "Succeeded"},
    }


ENTRIES = {
    "azure-native:authorization:getClientConfig": Entry(
        _client, f"the provider's ids, else those of ARM_SUBSCRIPTION_ID and its like, else `{NOBODY}`"
    ),
    "azure-native:resources:getResourceGroup": Entry(
        _group, "the group of that name in the provider's location, else in `westeurope`"
    ),
}
