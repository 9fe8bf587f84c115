"""Observability: logs, metrics, traces and audited recall."""
