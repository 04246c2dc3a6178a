"""A gateway of the tests' own: Gateway API and Ingress objects become the configuration of a real HAProxy.

No implementation of the Gateway API is to be had from a package registry, so this one stands in for Envoy Gateway,
Istio, NGINX or a cloud's own. The data plane is a pod (HAProxy, and nginx for mirrored requests), so that network
policies see what they would see elsewhere; the controller is a process beside the API server.

watching.py    what the API server has, as it changes
table.py       the words that the parts share: rules, backends, certificates
services.py    Services -> endpoints, Secrets -> certificates
routes.py      Gateways and HTTPRoutes -> table and statuses
ingresses.py   Ingresses -> table and statuses
haproxy.py     table -> configuration
proxy.py       configuration -> the running HAProxy, without dropping a request
"""

CLASS = "modelport-test"
"""The GatewayClass and the IngressClass that this serves."""
CONTROLLER = "modelport.test/gateway"
NAMESPACE = "gateway-system"
