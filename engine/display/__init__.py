"""What people see of an operation, made from its events alone.

The events are those of `--event-log`, so the same views serve both engines. `views.choose` picks one: the tree that is
redrawn on a terminal, the same as plain lines elsewhere, every property with `--diff`, or JSON.
"""
