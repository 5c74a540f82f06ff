"""
Metrics for Prometheus: gauges that the rows tell when they are asked, and what worker processes
have counted. `docs/watching.md` lists them all.
"""
