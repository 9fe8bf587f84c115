"""Which plan and knobs answer a query, and what recall they keep."""
