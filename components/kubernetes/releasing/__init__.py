"""How a new version takes the place of the old one: the plan of steps, the traffic of each, and the verdict on it.

`plan`, `traffic`, `measures`, `judging` and `record` are plain functions on plain values; `cluster` and `prometheus` do
what they say to a cluster, and `running` is the release itself.
"""
