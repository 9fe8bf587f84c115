"""What operators see: logs, metrics, traces, the recall that is kept."""
