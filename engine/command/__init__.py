"""The verbs and flags of Pulumi's CLI on the embedded engine: what they take, and what they print."""
